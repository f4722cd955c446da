"""Reads graphs from PyTorch Geometric's objects: a dataset or a list of `Data`."""

from typing import Any, NamedTuple

import numpy as np
import torch

from ddkit.arguments import checked
from ddkit.errors import DataError, reason
from ddkit.graphs.categories import flat
from ddkit.graphs.graph_data import GraphData
from ddkit.graphs.raw_graphs import RawGraphs, joined
from ddkit.graphs.targets import ONE, one_hot
from ddkit.graphs.unread import refuse_unread
from ddkit.graphs.whole_numbers import together

Array = np.ndarray

READ = ("x", "edge_index", "edge_attr", "y", "num_nodes")
MASKS = ("train_mask", "val_mask", "test_mask")
"""Attributes of datasets whose nodes are classified."""


NUMBER = bool | int | float | np.bool_ | np.number
"""Types of a single number."""


class _Graph(NamedTuple):
    """One graph: number of nodes, whether it was guessed, edges [2, e], features, class [1], names of unread parts."""

    size: int
    guessed: bool
    edge: Array
    x: Array | None
    edge_attr: Array | None
    y: Array
    unread: tuple[str, ...]


@checked
def from_pyg(graphs: Any, name: str, licence: str = "") -> GraphData:
    """Build graphs from a list (or dataset) of PyG `Data` objects.

    Each object has `edge_index` [2, e], a class `y`, and perhaps `x` [v, F] and `edge_attr` [e, G]. Features must be
    whole numbers of any type (one-hot rows too), on any device. Without `x`, or if `x` has no column, a node's label is
    its degree. Other tensors, lists of numbers and names `edge_...` are refused. Other texts and single numbers of a
    graph (such as `smiles`) are left out, and the graphs' remarks name them.

    Example:
        >>> from torch_geometric.datasets import TUDataset
        >>> from_pyg(TUDataset("data", "MUTAG"), "mutag").remarks
        ()

    Raises:
        DataError: there is no graph, a graph does not have exactly one class, or features are continuous, do not fit
            the graph's nodes or edges, or have different columns in different graphs.
    """
    where = f"graphs '{name}'"
    found = [_read(graph, f"{where}: graph {i}") for i, graph in enumerate(_listed(graphs, where))]
    sizes = np.array([graph.size for graph in found], dtype=np.int64)
    owner = np.repeat(np.arange(len(found)), [graph.edge.shape[1] for graph in found])
    edge = joined(np.concatenate([graph.edge for graph in found], 1), owner, sizes, where)
    notes = []
    if guessed := sum(graph.guessed for graph in found):
        notes.append(
            f"{guessed:,} graphs have no number of nodes; it is assumed to be one more than the last node of an edge"
        )
    if unread := sorted({key for graph in found for key in graph.unread}):
        notes.append(f"left out: {', '.join(unread)}")
    return RawGraphs(
        name=name,
        where=where,
        sizes=sizes,
        edge=edge,
        values=together([graph.y for graph in found], f"{where}: classes"),
        node_features=_features([graph.x for graph in found], sizes, f"{where}: node features"),
        edge_features=_features(
            [graph.edge_attr for graph in found], np.bincount(owner, minlength=len(found)), f"{where}: edge features"
        ),
        licence=licence,
        notes=tuple(notes),
    ).labelled()


def _listed(graphs: Any, where: str) -> list[Any]:
    """Return the objects as a list. Raise DataError if they are not a list of `Data`."""
    from torch_geometric.data import Data  # slow to import

    if isinstance(graphs, Data):
        raise DataError(
            f"{where}: is a single {type(graphs).__name__}; give a list of torch_geometric.data.Data, one for each "
            "graph (of a Batch its to_data_list())"
        )
    try:
        if isinstance(graphs, dict | str | bytes):  # list() would give keys or characters
            raise TypeError
        kept = list(graphs)
    except TypeError:
        raise DataError(f"{where}: is a {type(graphs).__name__}; give a list of torch_geometric.data.Data") from None
    if not kept:
        raise DataError(f"{where}: has no graph")
    for i, graph in enumerate(kept):
        if not isinstance(graph, Data):
            raise DataError(f"{where}: graph {i} is a {type(graph).__name__}, not a torch_geometric.data.Data")
    return kept


def _read(graph: Any, where: str) -> _Graph:
    """Read one graph and check that its parts fit together."""
    given = {key: value for key, value in graph.to_dict().items() if value is not None}
    if any(key in given for key in MASKS):
        raise DataError(f"{where} has a mask of nodes, as in data whose nodes are classified, but {ONE}")
    for key, value in given.items():
        if key.startswith("edge_") or not (isinstance(value, NUMBER) or _only_texts(value)):
            refuse_unread([key], READ, where, "tensor" if isinstance(value, torch.Tensor) else type(value).__name__)
    if "edge_index" not in given:
        raise DataError(f"{where} has no `edge_index`; for a graph without edges its shape is [2, 0]")
    edge = _array(given["edge_index"], f"{where}, `edge_index`")
    if not edge.size:
        edge = np.zeros((2, 0), np.int64)
    if edge.ndim != 2 or len(edge) != 2:
        raise DataError(f"{where}: `edge_index` must be of shape [2, edges], got {list(edge.shape)}")
    x, edge_attr = (_array(given[key], f"{where}, `{key}`") if key in given else None for key in ("x", "edge_attr"))
    size, guessed = _size(given.get("num_nodes"), x, edge, where)
    for key, rows, count, things in (("x", x, size, "nodes"), ("edge_attr", edge_attr, edge.shape[1], "edges")):
        if rows is not None and rows.size + count and (not rows.ndim or len(rows) != count):
            raise DataError(
                f"{where} has {count} {things}, but `{key}` is of shape {list(rows.shape)}; give a row for each"
            )
    unread = tuple(sorted(key for key in given if key not in READ))
    return _Graph(size, guessed, edge, x, edge_attr, _class(given.get("y"), size, where), unread)


def _only_texts(value: Any) -> bool:
    """Return whether a value is a text or contains only texts, so that leaving it out loses no data."""
    waiting, seen = [value], set()  # a list may contain another many times, or itself
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, dict | list | tuple | set):
            waiting += one.values() if isinstance(one, dict) else one
        elif not (one is None or isinstance(one, str)):
            return False
    return True


def _size(number: Any, x: Array | None, edge: Array, where: str) -> tuple[int, bool]:
    """Return (number of nodes of a graph, whether it was guessed from the edges)."""
    if number is not None:
        size = np.array(number) if isinstance(number, NUMBER) else _array(number, f"{where}, `num_nodes`")
        if size.size != 1 or size.dtype.kind not in "iuf" or not 0 <= size.ravel()[0] < 2**62 or size.ravel()[0] % 1:
            raise DataError(f"{where}: `num_nodes` must be one whole number of at least 0")
        return int(size.ravel()[0]), False
    if x is not None and x.ndim:
        return len(x), False
    if not edge.size:
        raise DataError(f"{where} has neither `x` nor `num_nodes` nor an edge; give it `num_nodes`")
    last = edge.max()
    if not 0 <= last < 2**62:
        raise DataError(f"{where} has an edge to the node {last}; nodes are numbered from 0")
    return int(last) + 1, True


def _class(y: Any, size: int, where: str) -> Array:
    """Return the single value of `y`, [1]."""
    if isinstance(y, NUMBER):
        return np.array([y])
    if not isinstance(y, torch.Tensor | np.ndarray):
        raise DataError(
            f"{where} must have one class in `y`, a tensor, got {'nothing' if y is None else type(y).__name__}"
        )
    values = _array(y, f"{where}, `y`")
    if values.size == 1:
        return values.ravel()
    shape = list(values.shape)
    if values.ndim and len(values) == size and values.size:
        raise DataError(f"{where} has a label for each of its {size} nodes (`y` of shape {shape}), but {ONE}")
    if values.size:
        fix = "y.argmax() is the class" if one_hot(values.reshape(1, -1)) else "keep one of them"
        raise DataError(f"{where} has {values.size} tasks (`y` of shape {shape}), but {ONE}; {fix}")
    raise DataError(f"{where} has no value in `y`; it must have one class")


def _array(given: Any, where: str) -> Array:
    """Convert a tensor of any layout on any device, or an array, to an array of plain numbers."""
    if isinstance(given, np.ndarray):
        return given
    if not isinstance(given, torch.Tensor):
        raise DataError(f"{where}: must be a tensor, got {type(given).__name__}")
    try:
        plain = given.detach().cpu()
        plain = plain.to_dense() if plain.layout != torch.strided else plain
        exact = plain.float() if plain.dtype.is_floating_point and plain.dtype.itemsize < 4 else plain
        return exact.resolve_conj().resolve_neg().numpy()
    except (RuntimeError, TypeError) as error:
        raise DataError(f"{where}: cannot be read as numbers ({reason(error)})") from None


def _features(given: list[Array | None], counts: Array, where: str) -> Array | None:
    """Concatenate the features of all graphs, or return None if no graph has any. Graphs without rows are ignored."""
    present = [features for features, count in zip(given, counts, strict=True) if count]
    if all(features is None for features in present):
        return None
    rows = [flat(features) for features in present if features is not None]
    if len(rows) < len(present) or len({row.shape[1] for row in rows}) > 1:
        raise DataError(f"{where}: are not the same columns in every graph")
    return together(rows, where)
