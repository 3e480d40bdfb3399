"""The flows: what runs in which order, and nothing else."""
