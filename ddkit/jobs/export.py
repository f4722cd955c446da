"""Export a set of images or of graphs to another format."""

from pathlib import Path

from ddkit.arguments import checked
from ddkit.errors import UsageError
from ddkit.jobs.kinds import kind_of_set
from ddkit.run import Meter, SilentMeter
from ddkit.synth import GraphSet, SyntheticSet, load


@checked
def export(
    source: SyntheticSet | GraphSet | str | Path,
    kind: str,
    path: str | Path | None = None,
    *,
    data: str | None = None,
    meter: Meter | None = None,
) -> Path:
    """Write a set in another format, and return the path of the output.

    Images: "npz" and "pt" contain the images in network space and in pixels, labels and facts; "png" is a folder with
    one sub-folder for each class. Graphs: "pt" is a list of PyG's objects as dictionaries, "npz" has the arrays of the
    set. "h5" is the set's own file, which `load` reads; a file of an earlier format thereby gets a digest.
    `ddkit.synth.export` and `ddkit.synth.export_graphs` describe the contents.

    Args:
        source: a SyntheticSet or GraphSet, a file, a run folder, or the name of a ready-made set.
        kind: "npz", "pt", "h5", or "png" (images only).
        path: file, or folder for "png"; default the name of `source` in the working folder.
        data: where the real data of a whitened set of images is now; default where it was when the set was made.
        meter: shows remarks, for example that png clips values; by default nothing does.

    Example:
        >>> export("digits-ftd-ipc1", "npz")
        PosixPath('digits-ftd-ipc1.npz')

    Raises:
        UsageError: an unknown kind, or no path for a set in memory.
        DataError: the set is missing or damaged, or the file cannot be written.
    """
    made = load(source) if isinstance(source, (str, Path)) else source
    if path is None:
        if not isinstance(source, (str, Path)):
            raise UsageError(f"export: path is missing; a set in memory has no name, so name one, as in 'set.{kind}'")
        name = Path(source).absolute().stem
        path = name if kind == "png" else f"{name}.{kind}"
    if not Path(path).name:
        raise UsageError(f"export: path must name a file or folder, got {str(path)!r}; name a file of its own")
    return kind_of_set(made).export(made, kind, Path(path), data, meter or SilentMeter())
