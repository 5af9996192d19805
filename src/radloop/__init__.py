"""Radloop: radiology in a closed loop."""

__version__ = "0.1.0"
