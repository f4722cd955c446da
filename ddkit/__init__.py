"""ddkit: dataset distillation. Public names are imported on first use, so that `import ddkit` is fast."""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.errors import DataError, DDKitError, NumericalError, UsageError
    from ddkit.executors import executor
    from ddkit.jobs.cite import cite
    from ddkit.jobs.compare import compare
    from ddkit.jobs.condense import condense
    from ddkit.jobs.doctor import doctor
    from ddkit.jobs.evaluate import evaluate, evaluate_all
    from ddkit.jobs.export import export
    from ddkit.jobs.graph_table import graph_table
    from ddkit.jobs.importing import import_set
    from ddkit.jobs.leaderboard import leaderboard
    from ddkit.jobs.plan import plan
    from ddkit.jobs.relabel import relabel
    from ddkit.jobs.report import report
    from ddkit.jobs.sets.pixels import raw_images
    from ddkit.jobs.teachers import train_teachers
    from ddkit.jobs.verify import verify
    from ddkit.jobs.verify_set import verify_set
    from ddkit.synth import (
        GraphSet,
        Record,
        SetFacts,
        SyntheticDataset,
        SyntheticSet,
        as_pyg,
        list_sets,
        load,
        read_graph_set,
        save,
    )

__all__ = [
    "DataError",
    "DDKitError",
    "NumericalError",
    "UsageError",
    "cite",
    "compare",
    "condense",
    "doctor",
    "evaluate",
    "evaluate_all",
    "executor",
    "export",
    "graph_table",
    "import_set",
    "leaderboard",
    "plan",
    "raw_images",
    "relabel",
    "report",
    "train_teachers",
    "verify",
    "verify_set",
    "GraphSet",
    "Record",
    "SetFacts",
    "SyntheticDataset",
    "SyntheticSet",
    "as_pyg",
    "list_sets",
    "load",
    "read_graph_set",
    "save",
]
