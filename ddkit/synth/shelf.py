"""Ready-made sets by name, and one `load` for names and paths."""

from pathlib import Path

from ddkit.arguments import checked
from ddkit.errors import DataError, nearest
from ddkit.shipped import shipped
from ddkit.synth.container import located
from ddkit.synth.hdf5 import read_set
from ddkit.synth.synthetic_set import SyntheticSet


def list_sets() -> dict[str, Path]:
    """Name -> file of the sets that ship with ddkit."""
    return {file.stem: file for file in sorted(shipped("synth_sets").glob("*.h5"))}


@checked
def load(source: str | Path) -> SyntheticSet:
    """Load a set from a file, a run folder or by the name of a ready-made one.

    Example:
        >>> synthetic = load("digits-ftd-ipc1")
        >>> tuple(synthetic.images.shape)
        (10, 1, 8, 8)

    Raises:
        UsageError: `source` is neither.
        DataError: there is no such file or name, or the file is damaged.
    """
    path = located(source)
    if path.suffix == "" and not path.exists():
        sets = list_sets()
        if str(source) not in sets:
            raise DataError(f"set '{source}': is no file and no ready-made set; {nearest(str(source), sets)}")
        path = sets[str(source)]
    return read_set(path)
