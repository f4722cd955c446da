"""The names of executors, for help texts and error lines. This module imports nothing."""

NAMES = ("local", "ray", "ray:HOST:PORT", "slurm")
