"""A word between what BentoML sees of a request and what we do."""

from __future__ import annotations

ADDRESS = "radloop.address"
"""Where a request's own address stands in its scope while BentoML sees its route's; see `paths`."""
