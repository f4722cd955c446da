"""All layouts in which sets are released, and the function that reads any of them."""

from pathlib import Path

from ddkit.errors import DataError, UsageError
from ddkit.files import not_a_file
from ddkit.releases.condensation import Condensation
from ddkit.releases.exported import Exported
from ddkit.releases.npz import Npz
from ddkit.releases.pair import Pair
from ddkit.releases.parquet import Parquet
from ddkit.releases.pictures import Pictures
from ddkit.releases.release import Choices, Layout, Release, Source
from ddkit.releases.trajectory import Trajectory

LAYOUTS: tuple[Layout, ...] = (Condensation(), Exported(), Pair(), Trajectory(), Npz(), Parquet(), Pictures())
"""The first one that recognises a source reads it."""


def read_release(path: Path, choices: Choices) -> Release:
    """Read a set that others released.

    Raises:
        UsageError: a choice is needed, or given for a layout that has none.
        DataError: there is no such file, it is damaged, or it has no layout that ddkit reads.
    """
    source = Source(path)
    odd = not_a_file(path)
    if odd not in (None, "a folder"):
        raise DataError(f"{source.where}: cannot be read (it is {odd}); check the path")
    if path.suffix.lower() in (".h5", ".hdf5"):
        raise UsageError(
            f"{source.where}: is an HDF5 file; if it is a set of ddkit, use it as it is (`ddkit show {path}`)"
        )
    for layout in LAYOUTS:
        if layout.recognises(source):
            for name, value in vars(choices).items():
                if value is not None and name not in layout.choices:
                    raise UsageError(f"--{name}: does not apply to {layout.name}; leave it out")
            return layout.read(source, choices)
    found = f"it holds {_described(source.content)}" if source.is_torch else f"{path.suffix or 'a name without ending'}"
    known = ", ".join(layout.name for layout in LAYOUTS)
    raise DataError(f"{source.where}: is in no layout that ddkit reads ({found}); layouts: {known}; see docs/import.md")


def _described(content: object) -> str:
    """The object of a file of `torch.save` in words."""
    if isinstance(content, dict):
        return f"a table of {', '.join(map(str, list(content)[:5]))}"
    return f"a list of {len(content)}" if isinstance(content, list) else type(content).__name__
