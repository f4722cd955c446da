"""Export a set of images or of graphs to another format."""

from pathlib import Path

from ddkit.arguments import checked
from ddkit.errors import UsageError, nearest
from ddkit.jobs.kinds import kind_of_set
from ddkit.publish import Hub
from ddkit.run import Meter, SilentMeter
from ddkit.synth import EXPORTERS, GraphSet, SyntheticSet, load

HF = "hf"
"""The form of a published set."""

FORMS = (*EXPORTERS, HF)


@checked
def export(
    source: SyntheticSet | GraphSet | str | Path,
    kind: str,
    path: str | Path | None = None,
    *,
    data: str | None = None,
    push: str | None = None,
    private: bool = False,
    meter: Meter | None = None,
) -> Path:
    """Write a set in another format, and return the path of the output.

    Images: "npz" and "pt" contain the images in network space and in pixels, labels and facts; "png" is a folder with
    one sub-folder for each class. Graphs: "pt" is a list of PyG's objects as dictionaries, "npz" has the arrays of the
    set. "h5" is the set's own file, which `load` reads; a file of an earlier format thereby gets a digest.
    `ddkit.synth.export` and `ddkit.synth.export_graphs` describe the contents.

    "hf" is a folder in the form of a dataset repository of the Hugging Face Hub: tables in parquet files, README.md
    (the card), croissant.json, preview.png and set.h5. `datasets.load_dataset(folder)` reads it. docs/publish.md
    describes it. With `push`, the folder is then uploaded.

    Args:
        source: a SyntheticSet or GraphSet, a file, a run folder, or the name of a ready-made set.
        kind: "npz", "pt", "h5", "hf", or "png" (images only).
        path: file, or folder for "png" and "hf"; default the name of `source` in the
            working folder, and NAME-hf for "hf".
        data: where the real data of a whitened set of images is now; default where it was when the set was made.
        push: for "hf", the repository on the Hub to which the folder is uploaded, as USER/NAME.
        private: for `push`, whether only its owner sees the repository.
        meter: shows remarks, for example that png clips values; by default nothing does.

    Example:
        >>> export("digits-ftd-ipc1", "npz")
        PosixPath('digits-ftd-ipc1.npz')

    Raises:
        UsageError: an unknown kind, no path for a set in memory, or `push` with another kind than "hf".
        DataError: the set is missing or damaged, the file cannot be written, an optional package is missing, or the Hub
            refuses.
    """
    if kind not in FORMS:
        raise UsageError(f"export kind '{kind}' is unknown; {nearest(kind, FORMS)}")
    if (push is not None and kind != HF) or (private and push is None):
        raise UsageError("export: push needs the kind hf, and private needs push; leave them out, or export to hf")
    meter = meter or SilentMeter()
    hub = None if push is None else Hub(push, private)  # before any work
    made = load(source) if isinstance(source, (str, Path)) else source
    if path is None:
        if not isinstance(source, (str, Path)):
            raise UsageError(f"export: path is missing; a set in memory has no name, so name one, as in 'set.{kind}'")
        name = Path(source).absolute().stem
        path = {"png": name, HF: f"{name}-hf"}.get(kind, f"{name}.{kind}")
    if not Path(path).name:
        raise UsageError(f"export: path must name a file or folder, got {str(path)!r}; name a file of its own")
    if kind != HF:
        return kind_of_set(made).export(made, kind, Path(path), data, meter)
    files = kind_of_set(made).publish(made, Path(path), hub.full_name if hub else "", data, meter)
    if hub is not None:
        meter.say(f"uploaded to {hub.push(Path(path), files)}")
    return Path(path)
