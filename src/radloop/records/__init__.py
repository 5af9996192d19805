"""Sealed documents and append-only, hash-chained records."""
