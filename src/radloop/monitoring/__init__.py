"""Watching what was deployed: the index of the records, live performance, drift, alarms."""
