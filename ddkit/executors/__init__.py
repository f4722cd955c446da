"""Executors run units of work: experts, teachers, synthetic sets, rows of tables.

A unit is a small picklable object. `executor_in_use()` runs the units of one call: processes on this machine, a Ray
cluster, or Slurm. How many run at once is decided here and nowhere else.
"""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.executors.ahead import Ahead
    from ddkit.executors.choice import HERE, executor, executor_in_use, in_use
    from ddkit.executors.contract import Executor, FileUnit, Needs, Parcel, Report, SomeUnit, Unit, Watch
    from ddkit.executors.elsewhere import Elsewhere, FolderParcel
    from ddkit.executors.inputs import copies_of, own_place
    from ddkit.executors.shipping import Files, files_of, pack

__all__ = [
    "HERE",
    "executor",
    "executor_in_use",
    "in_use",
    "Ahead",
    "Elsewhere",
    "Executor",
    "FileUnit",
    "Files",
    "FolderParcel",
    "Needs",
    "Parcel",
    "Report",
    "SomeUnit",
    "Unit",
    "Watch",
    "copies_of",
    "files_of",
    "own_place",
    "pack",
]
