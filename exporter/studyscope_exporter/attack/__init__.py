"""Attackers: what somebody could infer who has everything that a hospital ever published, and nothing else."""
