"""One judge for each kind of rule: from evidence and a rule to its reasons, looking at nothing else."""
