"""Labels of rows against brute force, on columns made to overflow."""

import numpy as np
import pytest

from ddkit.errors import DataError
from ddkit.graphs import categories


def brute(rows):
    table = sorted({tuple(row) for row in rows.tolist()})
    return [table.index(tuple(row)) for row in rows.tolist()], [list(row) for row in table]


def test_a_column_that_is_still_too_wide_after_ranks():
    """Gave 172 of 6,100 rows another row's label: ranks of the first column times the width of the second."""
    rows = np.stack([np.repeat(np.arange(100), 61), np.tile(np.r_[0, 2 ** np.arange(60)], 100)], 1)
    label, table = categories(rows, "rows")
    assert len(table) == len(np.unique(rows, axis=0)) == 6100
    assert np.array_equal(table[label], rows) and np.array_equal(table, np.unique(rows, axis=0))


@pytest.mark.parametrize("seed", range(20))
def test_adversarial_columns_of_64_bits(seed):
    """Extremes, powers of two, their neighbours and few repeated values, in up to six columns."""
    draw = np.random.RandomState(seed)
    powers = [s * 2**k + d for k in range(62) for s in (1, -1) for d in (-1, 0, 1)]
    pool = np.array([*powers, -(2**63), 2**63 - 1, 0, 1, 2], dtype=np.int64)
    columns = draw.randint(1, 7)
    kinds = [pool, pool[:5], np.arange(300), np.array([-(2**63), 2**63 - 1])]
    rows = np.stack([draw.choice(kinds[draw.randint(len(kinds))], 400) for _ in range(columns)], 1)
    rows = np.concatenate([rows, rows[::3]])
    label, table = categories(rows, "rows")
    assert (label.tolist(), table.tolist()) == brute(rows)


def test_types_and_emptiness():
    for dtype in (np.bool_, np.int8, np.uint8, np.uint64, np.float16, np.float64):
        rows = np.array([[1, 0], [0, 1], [1, 0]]).astype(dtype)
        assert (categories(rows, "rows")[0].tolist(), categories(rows, "rows")[1].tolist()) == brute(rows.astype(int))
    assert categories(np.zeros((0, 3)), "rows")[1].shape == (0, 3)
    with pytest.raises(DataError, match=r"hold 1.84467e\+19, which is no signed 64-bit number"):
        categories(np.array([[2**64 - 1]], np.uint64), "rows")
    with pytest.raises(DataError, match="rows: must be whole numbers, but are of type <U1"):
        categories(np.array([["a"]]), "rows")
