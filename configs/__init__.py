"""Use cases and platform defaults: declarative, no code."""
