"""Executors run units of work: experts, teachers, synthetic sets, rows of tables.

A unit is a small picklable object. `executor_in_use()` runs the units of one call: processes on this machine, a Ray
cluster, or Slurm. How many run at once is decided here and nowhere else.
"""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.executors.choice import executor, executor_in_use
    from ddkit.executors.contract import Executor, FolderUnit, Needs, Report, Unit, Watch

__all__ = ["executor", "executor_in_use", "Executor", "FolderUnit", "Needs", "Report", "Unit", "Watch"]
