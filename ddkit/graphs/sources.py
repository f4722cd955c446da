"""`load_graphs` loads all graphs, given by name or by the path of the user's own."""

import os
from collections.abc import Callable
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory

from ddkit.errors import DataError, UsageError, nearest, reason
from ddkit.files import too_little_memory
from ddkit.graphs.digits import digits_graphs
from ddkit.graphs.graph_data import GraphData
from ddkit.graphs.names import GRAPHS, HIV, OGB, OGB_LICENCE, OWN, TU, TU_LICENCE
from ddkit.graphs.npz import read_npz_graphs
from ddkit.graphs.ogb import read_ogb
from ddkit.graphs.pt_file import read_pt
from ddkit.graphs.tu import read_tu
from ddkit.home import expanded, home


def load_graphs(spec: str) -> GraphData:
    """Load the graphs of a recipe's `data.name`.

    TU datasets are read from $DDKIT_DATA/graphs/tu/NAME/raw, or downloaded by PyG. OGB's are read from
    $DDKIT_DATA/graphs/ogb, and molhiv from $DDKIT_DATA/graphs/molhiv.npz.

    Args:
        spec: digits-graphs (comes with scikit-learn), a TU dataset by its name in small letters (mutag, nci1, proteins,
            dd, imdb-binary, ...), ogbg-molbace, ogbg-molbbbp, ogbg-molhiv; or the user's own: tu:DIR (a folder with
            NAME_A.txt and so on), ogb:DIR (raw/ and split/), graphs-npz:FILE, pt:FILE (a list of PyG `Data`).

    Raises:
        UsageError: the name is unknown.
        DataError: the graphs are missing, damaged or invalid.
    """
    kind = spec.partition(":")[0]
    kind = "tu" if kind in TU else "ogb" if kind in OGB else "graphs-npz" if kind == HIV else kind
    try:
        return _read(spec, home())
    except (MemoryError, RuntimeError) as error:
        raise too_little_memory(error, f"graphs '{spec}'") from None
    except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
        raise DataError(f"graphs '{spec}': do not have the form that {kind} files have ({reason(error)})") from None


def _read(spec: str, home: Path) -> GraphData:
    kind, _, text = spec.partition(":")
    if kind in OWN and text:
        return _READERS[kind](expanded(text))
    if spec == "digits-graphs":
        return digits_graphs()
    if spec in TU:
        return read_tu(_tu_folder(TU[spec], home), TU[spec], TU_LICENCE)
    if spec in OGB:
        return read_ogb(_offline(f"ogb/{spec.replace('-', '_')}", spec), spec, OGB_LICENCE)
    if spec == HIV:
        return read_npz_graphs(_offline("molhiv.npz", spec), spec, OGB_LICENCE)
    raise _unknown(spec)


def refuse_unknown_name(spec: str) -> None:
    """Check that a name is that of graphs, without looking for files.

    Raises:
        UsageError: the name is unknown.
    """
    kind, _, text = spec.partition(":")
    if spec not in GRAPHS and not (kind in OWN and text):
        raise _unknown(spec)


def refuse_unknown(spec: str) -> None:
    """Check that a name is that of graphs, and that the user's own path exists, without reading any graph.

    Raises:
        UsageError: the name is unknown.
        DataError: the file or folder is missing.
    """
    refuse_unknown_name(spec)
    text = spec.partition(":")[2]
    if text and not expanded(text).exists():
        raise DataError(f"graphs '{spec}': do not exist; name a file or folder that exists")


def _unknown(spec: str) -> UsageError:
    return UsageError(
        f"graphs '{spec}': are unknown; {nearest(spec.lower(), GRAPHS)}; for your own write {', '.join(OWN.values())}"
    )


def _own_tu(folder: Path) -> GraphData:
    files = sorted(folder.glob("*_A.txt"))
    if len(files) != 1:
        raise DataError(f"graphs 'tu:{folder}': must have one file NAME_A.txt, found {len(files)}")
    return read_tu(folder, files[0].name.removesuffix("_A.txt"))


_READERS: dict[str, Callable[[Path], GraphData]] = {
    "tu": _own_tu,
    "ogb": lambda folder: read_ogb(folder, folder.name),
    "graphs-npz": lambda file: read_npz_graphs(file, file.stem),
    "pt": lambda file: read_pt(file, file.stem),
}


def _data_folder() -> Path | None:
    folder = os.environ.get("DDKIT_DATA")
    return expanded(folder) / "graphs" if folder else None


def _offline(path: str, spec: str) -> Path:
    root = _data_folder()
    if root is None or not (root / path).exists():
        raise DataError(
            f"graphs '{spec}': are not downloaded by ddkit; place them at graphs/{path} in the folder that the "
            "environment variable DDKIT_DATA names"
        )
    return root / path


def _tu_folder(name: str, home: Path) -> Path:
    root = _data_folder()
    if root is not None and (root / "tu" / name / "raw").is_dir():
        return root / "tu" / name / "raw"
    raw = home / "data" / name / "raw"
    if not (raw / f"{name}_A.txt").exists():
        _download_tu(name, raw)
    return raw


def _download_tu(name: str, raw: Path) -> None:
    """Download a TU dataset by PyG. `raw` exists only if it is complete, so that the next run tries again."""
    from torch_geometric.datasets import TUDataset  # slow to import

    folder = raw.parents[1]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder, prefix=f".{name}-") as partial:
            TUDataset(partial, name)
            if not (raw / f"{name}_A.txt").exists():  # else another run has downloaded it meanwhile
                rmtree(raw.parent, ignore_errors=True)  # earlier versions left an empty folder here
                (Path(partial) / name).rename(raw.parent)
    except Exception as error:
        raise DataError(
            f"graphs '{name}': could not be downloaded to '{folder}' ({reason(error)}); connect to the network, or "
            f"place graphs/tu/{name}/raw in the folder that the environment variable DDKIT_DATA names"
        ) from None
