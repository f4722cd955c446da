"""Tables of a published set as parquet files. Only this module imports pyarrow, which is optional."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from ddkit.errors import DataError
from ddkit.run import atomic_write

Array = np.ndarray
Feature = dict[str, Any]
"""A column's type as the package `datasets` writes it, such as {"_type": "Value", "dtype": "int64"}."""


@dataclass(frozen=True, eq=False)
class Column:
    """One column: its name, what it holds in a few words, its type, and its rows as a pyarrow array."""

    name: str
    about: str
    feature: Feature
    rows: Any


def pyarrow() -> Any:
    """Return the module pyarrow.

    Raises:
        DataError: it is not installed.
    """
    try:
        return import_module("pyarrow")  # not by name: pyarrow is optional, and type checkers need not have it
    except ImportError:
        raise DataError("export: hf writes parquet files by pyarrow; run: pip install 'ddkit[hf]'") from None


def write_table(columns: Sequence[Column], file: Path) -> None:
    """Write columns as one parquet file, with their types as `datasets` needs them.

    Raises:
        DataError: the file cannot be written, or pyarrow is not installed.
    """
    arrow = pyarrow()
    features = {column.name: column.feature for column in columns}
    table = arrow.table({column.name: column.rows for column in columns})
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    with atomic_write(file) as temporary:
        import_module("pyarrow.parquet").write_table(table, temporary)


def value(dtype: str) -> Feature:
    """The type of a number, "int64" or "float32"."""
    return {"_type": "Value", "dtype": dtype}


def listed(feature: Feature, length: int = -1) -> Feature:
    """The type of a list; of any length if `length` is -1."""
    return {"_type": "List", "feature": feature, "length": length}


def class_column(labels: Array, classes: tuple[str, ...], name: str = "label") -> Column:
    """The column of the classes, by number with their names."""
    feature = {"_type": "ClassLabel", "names": list(classes)}
    return Column(name, "class", feature, pyarrow().array(labels.astype(np.int64)))


def vectors(name: str, about: str, rows: Array) -> Column:
    """A column of vectors of one length, float32. `rows` is [N, length]."""
    arrow, length = pyarrow(), rows.shape[1]
    flat = arrow.array(np.ascontiguousarray(rows, np.float32).reshape(-1))
    return Column(name, about, listed(value("float32"), length), arrow.FixedSizeListArray.from_arrays(flat, length))


def numbers(name: str, about: str, rows: Array) -> Column:
    """A column of numbers, int64 or float32."""
    return Column(name, about, value(str(rows.dtype)), pyarrow().array(rows))


def ragged(name: str, about: str, rows: Sequence[Array]) -> Column:
    """A column of arrays of different lengths, int64 or float32: [n] each, or [n, m] each as lists of lists."""
    feature = listed(value(str(rows[0].dtype)))
    lists = _lists([row for matrix in rows for row in matrix] if rows[0].ndim == 2 else rows)
    if rows[0].ndim == 2:
        offsets = np.concatenate([[0], np.cumsum([len(matrix) for matrix in rows])]).astype(np.int32)
        lists, feature = pyarrow().ListArray.from_arrays(offsets, lists), listed(feature)
    return Column(name, about, feature, lists)


def _lists(rows: Sequence[Array]) -> Any:
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int32)
    return pyarrow().ListArray.from_arrays(offsets, np.concatenate(rows))
