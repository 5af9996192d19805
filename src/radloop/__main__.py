"""`python -m radloop` is `radloop`."""

from radloop.cli import main

main()
