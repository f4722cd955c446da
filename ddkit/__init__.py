"""ddkit: dataset distillation. The public names, imported on first use so that `import ddkit` costs nothing."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ddkit.errors import DataError as DataError
    from ddkit.errors import DDKitError as DDKitError
    from ddkit.errors import NumericalError as NumericalError
    from ddkit.errors import UsageError as UsageError
    from ddkit.jobs.compare import compare as compare
    from ddkit.jobs.condense import condense as condense
    from ddkit.jobs.condense_graphs import condense_graphs as condense_graphs
    from ddkit.jobs.doctor import doctor as doctor
    from ddkit.jobs.evaluate import evaluate as evaluate
    from ddkit.jobs.evaluate_graphs import evaluate_graphs as evaluate_graphs
    from ddkit.jobs.plan import plan as plan
    from ddkit.jobs.raw import raw_images as raw_images
    from ddkit.jobs.relabel import relabel as relabel
    from ddkit.jobs.teachers import train_teachers as train_teachers
    from ddkit.jobs.verify import verify as verify
    from ddkit.synth import SyntheticDataset as SyntheticDataset
    from ddkit.synth import SyntheticSet as SyntheticSet
    from ddkit.synth import as_pyg as as_pyg
    from ddkit.synth import list_sets as list_sets
    from ddkit.synth import load as load
    from ddkit.synth import read_graph_set as read_graph_set
    from ddkit.synth.export import export as export

_HOMES = {
    "ddkit.errors": ("DDKitError", "DataError", "NumericalError", "UsageError"),
    "ddkit.jobs": (
        "compare",
        "condense",
        "condense_graphs",
        "doctor",
        "evaluate",
        "evaluate_graphs",
        "plan",
        "raw_images",
        "relabel",
        "train_teachers",
        "verify",
    ),
    "ddkit.synth": ("SyntheticDataset", "SyntheticSet", "as_pyg", "export", "list_sets", "load", "read_graph_set"),
}
__all__ = sorted(name for names in _HOMES.values() for name in names)


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(module), name)
    raise AttributeError(f"module 'ddkit' has no attribute '{name}'")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
