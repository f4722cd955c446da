"""Classes of graphs. Data with other targets (several tasks, node labels, regression) are refused by name."""

import numpy as np

from ddkit.errors import DataError
from ddkit.graphs.whole_numbers import NUMBERS, as_integers, too_large

Array = np.ndarray

ONE = "ddkit distils graphs that have one class each"


def classes_of(values: Array, graphs: int, nodes: int, where: str) -> tuple[tuple[str, ...], Array]:
    """Return (names of the classes, ascending by value, and the class of each graph, int64 [graphs]).

    Args:
        values: whole numbers or texts, [graphs] or [graphs, 1].
        nodes: the number of nodes, to recognise labels of nodes.

    Raises:
        DataError: there are several tasks, labels of nodes, a regression target, a missing label, or another number of
            labels.
    """
    rows = values.reshape(len(values), -1) if values.ndim > 1 else values.reshape(-1, 1)
    if len(rows) != graphs and len(rows) == nodes:
        raise DataError(f"{where}: has a label for each of its {nodes:,} nodes, but {ONE}")
    if len(rows) and rows.shape[1] != 1:
        fix = "label.argmax(1) are the classes" if one_hot(rows) else "keep one of them"
        raise DataError(f"{where}: has {rows.shape[1]} tasks (labels a graph), but {ONE}; {fix}")
    if len(rows) != graphs:
        raise DataError(f"{where}: has {len(rows):,} labels for {graphs:,} graphs; there must be one for each")
    if rows.dtype.kind in "US":
        numbers = _texts(rows[:, 0], where)
    elif rows.dtype.kind in NUMBERS:
        numbers, others = as_integers(rows[:, 0], where)
        if len(others):
            raise DataError(f"{where}: classes: must be whole numbers, got {others[0]:g}{_reason(others)}")
    else:
        raise DataError(f"{where}: classes: must be whole numbers or texts, but are of type {rows.dtype}")
    names, y = np.unique(numbers, return_inverse=True)
    return tuple(str(name) for name in names.tolist()), y.astype(np.int64, copy=False)


def one_hot(rows: Array) -> bool:
    """Return whether each row has a single 1 and else zeros."""
    return rows.dtype.kind in NUMBERS and bool(np.all((rows == 1).sum(1) == 1) and np.all((rows == 0) | (rows == 1)))


def _texts(names: Array, where: str) -> Array:
    """Return texts; bytes are decoded as UTF-8."""
    if names.dtype.kind == "U":
        return names
    try:
        return np.char.decode(names, "utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{where}: classes: hold the bytes {error.object!r}, which are no text in UTF-8; rename the classes"
        ) from None


def _reason(others: Array) -> str:
    """Describe labels that are not whole numbers."""
    if np.isnan(others).all():
        return f", in {len(others):,} of its labels; leave out graphs whose class is missing"
    if too_large(others[0]):
        return ", which is no signed 64-bit number; renumber the classes"
    return f"; that is a regression target, and {ONE}"
