"""Graphs in one NumPy archive."""

from pathlib import Path

import numpy as np

from ddkit.archive import Claim, opened
from ddkit.errors import DataError, counted, reason
from ddkit.files import not_a_file
from ddkit.graphs.given_split import PARTS, given_split
from ddkit.graphs.graph_data import GraphData
from ddkit.graphs.raw_graphs import RawGraphs
from ddkit.graphs.unread import refuse_unread

Array = np.ndarray

NEEDED = ("edge_src", "edge_dst", "num_nodes", "label")
FEATURES = ("node_feat", "edge_feat")
PREFIX = "split_"
SPLIT = tuple(PREFIX + part for part in PARTS)


def read_npz_graphs(path: Path, name: str, licence: str = "") -> GraphData:
    """Read graphs from the arrays of an archive.

    Required arrays are edge_src and edge_dst [E] (nodes are numbered through all graphs, both directions stored),
    num_nodes and label [N]. Optional arrays are node_feat [V, ...] and edge_feat [E, ...] (whole numbers), and a split:
    split_train, split_valid (or split_validation, split_val) and split_test, each numbers of graphs or a mask [N].

    Raises:
        DataError: the file is missing or damaged, an array is missing, or there is an array that ddkit does not read.
    """
    where = f"graphs '{name}', file '{path}'"
    arrays = _arrays(path, where)
    ends = [arrays[key] for key in ("edge_src", "edge_dst")]
    sizes = arrays["num_nodes"].ravel()
    parts = {key.removeprefix(PREFIX): array for key, array in arrays.items() if key in SPLIT}
    return RawGraphs(
        name=name,
        where=where,
        sizes=sizes,
        edge=np.stack([end.ravel() for end in ends]),
        values=arrays["label"],
        node_features=arrays.get("node_feat"),
        edge_features=arrays.get("edge_feat"),
        split=given_split(parts, len(sizes), where),
        licence=licence,
    ).labelled()


def _arrays(path: Path, where: str) -> dict[str, Array]:
    """Read all arrays of the archive. Raise DataError if a required array is missing or one has an unknown name."""
    if odd := not_a_file(path):
        raise DataError(f"{where}: cannot be read (it is {odd})")
    try:
        with opened(path) as archive:
            names = archive.names
            refuse_unread(names, (*NEEDED, *FEATURES, *SPLIT), where, "array")
            if missing := [key for key in NEEDED if key not in names]:
                raise DataError(f"{where}: has no array '{missing[0]}'; there must be {', '.join(NEEDED)}")
            if len(set(names)) < len(names):
                raise DataError(f"{where}: has two arrays of one name")
            _refuse_wrong_claims({key: archive.claim(key) for key in names}, where)
            return archive.read(names, where)
    except (DataError, MemoryError):
        raise
    except Exception as error:  # the readers of zip, zlib and npy raise any error for damaged bytes
        raise DataError(f"{where}: cannot be read ({reason(error)})") from None


def _refuse_wrong_claims(claims: dict[str, Claim], where: str) -> None:
    """Raise DataError for arrays that do not fit together, before any is unpacked."""
    if odd := [key for key, claim in claims.items() if not claim.shape]:
        raise DataError(f"{where}: '{odd[0]}' is not an array with one row for each node, edge or graph")
    for key in ("edge_src", "edge_dst", "num_nodes"):
        if claims[key].shape[1:] not in ((), (1,)):
            raise DataError(f"{where}: '{key}' must be a list of numbers, got the shape {claims[key].shape}")
    sources, targets = claims["edge_src"].shape[0], claims["edge_dst"].shape[0]
    if sources != targets:
        raise DataError(
            f"{where}: 'edge_src' has {counted(sources, 'edge')} and 'edge_dst' {targets}; give both ends of each"
        )
