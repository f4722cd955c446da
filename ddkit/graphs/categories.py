"""Rows of small integers as one label each."""

import math

import numpy as np

from ddkit.errors import DataError

Array = np.ndarray

MOST = 2**62


def flat(features: Array) -> Array:
    """Features [n, ...] as rows [n, columns]; n may be 0, and a single feature may have no axis of its own."""
    return features.reshape(len(features), math.prod(features.shape[1:]))


def as_integers(numbers: Array) -> tuple[Array, Array]:
    """(the numbers as int64, those of them that are not whole)."""
    with np.errstate(invalid="ignore"):  # nan and inf are no integers either
        found = numbers.astype(np.int64)
    return found, numbers[found != numbers]


def categories(rows: Array, where: str) -> tuple[Array, Array]:
    """(label of each row [n], the distinct rows [labels, columns] in lexicographic order), so that rows = table[label].

    Columns are packed into one number of mixed radix before the search, which takes 0.2 s on a million rows of nine
    columns where `np.unique(axis=0)` takes seven.

    Args:
        rows: [n, columns], whole numbers of any dtype; n may be 0.
        where: what an error line calls them.

    Raises:
        DataError: a value that is no whole number: such features name no category.
    """
    whole, others = as_integers(rows)
    if len(others):
        raise DataError(
            f"{where}: are continuous (such as {others[0]:g}); computation trees need categories: round "
            "or bin them, or leave them out"
        )
    packed = np.zeros(len(whole), np.int64)
    reach = 1
    for column in whole.T:
        low, high = (int(column.min()), int(column.max())) if len(column) else (0, 0)
        if high - low >= MOST:  # such as hashes: their order stands for them
            column = np.unique(column, return_inverse=True)[1]
            low, high = 0, int(column.max())
        if reach * (high - low + 1) >= MOST:  # pack what there is before it overflows
            packed = np.unique(packed, return_inverse=True)[1]
            reach = int(packed.max()) + 1
        packed = packed * (high - low + 1) + (column - low)
        reach *= high - low + 1
    _, first, label = np.unique(packed, return_index=True, return_inverse=True)
    return label.astype(np.int64), whole[first]
