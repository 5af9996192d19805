"""`python -m radloop` is `radloop`."""

from radloop.cli import entry

entry()
