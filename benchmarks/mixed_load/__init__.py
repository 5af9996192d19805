"""Minutes of mixed load on a real service whose bundle changes, whose worker is killed, and which is sent what does not belong."""
