"""The leakage firewall: the same patient, group, pixels or picture on both sides of a split, and what is done about it."""

from radloop.data.leakage.findings import Leak, Thumbnails, find_duplicates, find_leaks
from radloop.data.leakage.memory import NearMemory
from radloop.data.leakage.policy import apply_policy, described

__all__ = ["Leak", "NearMemory", "Thumbnails", "apply_policy", "described", "find_duplicates", "find_leaks"]
