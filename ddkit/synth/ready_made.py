"""Ready-made sets: the sets that ship with ddkit, by name."""

from pathlib import Path

from ddkit.errors import DataError, nearest
from ddkit.shipped import shipped
from ddkit.synth.container import located


def list_sets() -> dict[str, Path]:
    """Return name -> file of the sets that ship with ddkit."""
    return {file.stem: file for file in sorted(shipped("synth_sets").glob("*.h5"))}


def find_set(source: str | Path) -> Path:
    """Return the file of a set, given by a file, a run folder or the name of a ready-made set.

    Raises:
        DataError: there is no ready-made set of that name.
    """
    path = located(source)
    if path.suffix == "" and not path.exists():
        sets = list_sets()
        if str(source) not in sets:
            raise DataError(f"set '{source}': is no file and no ready-made set; {nearest(str(source), sets)}")
        path = sets[str(source)]
    return path
