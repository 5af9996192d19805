"""Prefect flows: order, retries and names only."""
