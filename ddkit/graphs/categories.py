"""One label for each distinct row of whole numbers."""

import math
from collections.abc import Iterable

import numpy as np

from ddkit.errors import DataError
from ddkit.graphs.whole_numbers import as_integers, too_large

Array = np.ndarray

MOST = 2**62
"""Packed numbers stay below this, so that they fit into int64."""

DENSE = 2**16
"""Up to this number of possible rows, a table with an item for each replaces the sort."""


def flat(features: Array) -> Array:
    """Reshape features [n, ...] or [n] to rows [n, columns]; n may be 0."""
    return features.reshape(len(features), math.prod(features.shape[1:]))


def categories(rows: Array, where: str) -> tuple[Array, Array]:
    """Return (label of each row [n], table of the distinct rows [labels, columns]), so that rows = table[label].

    The table is in lexicographic order. Columns are packed into one number, because `np.unique(axis=0)` is slow.

    Args:
        rows: [n, columns], whole numbers of any dtype; n may be 0.
        where: name of the rows in error lines.

    Raises:
        DataError: a value is not a whole number, so that the features are not categories.
    """
    whole, others = as_integers(rows, where)
    if len(others) and too_large(others[0]):
        raise DataError(f"{where}: hold {others[0]:g}, which is no signed 64-bit number; renumber the categories")
    if len(others):
        raise DataError(
            f"{where}: are continuous (such as {others[0]:g}); computation trees need categories: round "
            "or bin them, or leave them out"
        )
    code, reach = packed(whole.T, len(whole))
    if reach > DENSE:
        _, first, label = np.unique(code, return_index=True, return_inverse=True)
        return label.astype(np.int64, copy=False), whole[first]
    example = np.full(reach, -1)
    example[code] = np.arange(len(code))
    occurs = example >= 0
    return (np.cumsum(occurs) - 1)[code], whole[example[occurs]]


def packed(columns: Iterable[Array], n: int) -> tuple[Array, int]:
    """Return (a number for each of n rows, an upper bound on them). Numbers have the rows' lexicographic order.

    Each column is one digit of a number of mixed radix. If the number would not fit, it is replaced by its rank; if the
    column is still too wide, it is replaced by its rank too. Two ranks always fit, since there are at most n of each.

    Args:
        columns: int64 [n] each, the most significant first.
    """
    code, reach = np.zeros(n, np.int64), 1
    for column in columns if n else ():
        low, high = int(column.min()), int(column.max())
        if high == low:
            continue
        if reach * (high - low + 1) >= MOST:
            code, reach = _ranks(code)
        if reach * (high - low + 1) >= MOST:
            column, width = _ranks(column)
            low, high = 0, width - 1
        code = code * (high - low + 1)
        code += column
        code -= low
        reach *= high - low + 1
    return code, reach


def _ranks(numbers: Array) -> tuple[Array, int]:
    """Return (rank of each number among the distinct numbers, how many are distinct)."""
    distinct, rank = np.unique(numbers, return_inverse=True)
    return rank, len(distinct)
