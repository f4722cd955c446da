"""Parquet files and dataset folders of Hugging Face: pictures and labels, and perhaps exact floats and soft labels.

A folder has `data/train-*.parquet`; ddkit's own also has `exact/*.parquet`, whose column `values` has the images as
float32. That one is read if it is there. Only pyarrow is needed.
"""

import json
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ddkit.data.pictures import decoded
from ddkit.errors import DataError, reason
from ddkit.files import not_a_file, refuse_bomb, stored_bytes
from ddkit.releases.release import Choices, Release, Source
from ddkit.synth import read_set

VALUES, SOFT, DERIVED = "values", "soft_label", "probability"
MOST_README = 100_000
"""Characters of a README.md in which its head is searched."""

WHOLE = "set.h5"
"""The set itself, in the folders that ddkit writes. It has the facts."""

IMAGES, LABELS = ("image", "img", "images"), ("label", "class_id", "labels", "fine_label")
"""Names of columns; the first one that a file has is read."""


PATTERNS = ("exact/*.parquet", *(f"{place}{name}" for place in ("data/", "", "*/") for name in ("train*.parquet",)))
"""Where the files of a dataset folder are, the exact floats first. The first pattern with files is read."""


class Parquet:
    """Reads the rows of the split train."""

    name = "parquet"
    choices: tuple[str, ...] = ()

    def recognises(self, source: Source) -> bool:
        return source.path.suffix.lower() == ".parquet" or (source.path.is_dir() and bool(_inside(source.path)))

    def read(self, source: Source, choices: Choices) -> Release:
        files = _inside(source.path) if source.path.is_dir() else [source.path]
        arrow = _pyarrow(source.where)
        try:
            return self._read(source, files, arrow)
        except (DataError, MemoryError):
            raise
        except Exception as error:  # damaged bytes choose what pyarrow raises
            raise DataError(
                f"{source.where}: is no readable parquet ({reason(error)[:100]}); it is damaged or cut off, so "
                "download it again"
            ) from None

    def _read(self, source: Source, files: list[Path], arrow: ModuleType) -> Release:
        where, table = source.where, _table(files, source.where, arrow)
        names = table.column_names
        images, label = (next((name for name in known if name in names), None) for known in (IMAGES, LABELS))
        if label is None or (images is None and VALUES not in names):
            raise DataError(
                f"{where}: needs columns {VALUES} or {IMAGES[0]}, and {' or '.join(LABELS[:2])}; it has "
                f"{', '.join(names)}; rename the columns"
            )
        read = VALUES if VALUES in names else str(images)
        unread = [name for name in names if name not in (read, label, SOFT, DERIVED)]
        meta = {key.decode(errors="replace"): value for key, value in (table.schema.metadata or {}).items()}
        whole = source.path / WHOLE
        classes = _class_names(meta.get("huggingface"), label)
        if not classes and not whole.is_file():
            _refuse_names_in_readme(source)
        return Release(
            layout=self.name,
            images=_floats(table, VALUES, where) if read == VALUES else _pictures(table, read, where),
            labels=_labels(table, label, where),
            soft=_floats(table, SOFT, where) if SOFT in names else None,
            files=tuple(files),
            classes=classes,
            facts=read_set(whole).facts if whole.is_file() else None,
            uneven=True,
            notes=(
                *([f"columns not read: {', '.join(unread)}"] if unread else []),
                *([f"{WHOLE} beside the tables is the set with its record; ddkit reads it as it is"] * whole.is_file()),
            ),
        )


def _refuse_names_in_readme(source: Source) -> None:
    """Raise DataError if only the folder's README.md names the classes. `datasets` obeys it; no YAML is read here."""
    readme = source.path / "README.md"
    if not_a_file(readme):
        return
    with readme.open(encoding="utf-8", errors="replace") as file:  # only its beginning: a README.md may be of any size
        head = file.read(MOST_README)
    if "class_label" in head:
        raise DataError(
            f"{source.where}: only its README.md names the classes (class_label), and ddkit reads names from the "
            "parquet files; load it by `datasets`, write it by to_parquet, and import that file"
        )


def _inside(folder: Path) -> list[Path]:
    """The files of the split train, those with exact floats first of all; [] if there are none."""
    for pattern in PATTERNS:
        if files := sorted(folder.glob(pattern)):
            return files
    return []


def _pyarrow(where: str) -> ModuleType:
    """The package pyarrow with its reader of parquet.

    Raises:
        DataError: it is not installed.
    """
    try:
        import_module("pyarrow.parquet")
        return import_module("pyarrow")  # not by name: pyarrow is optional, and type checkers need not have it
    except ImportError:
        raise DataError(f"{where}: parquet is read by pyarrow; run: pip install 'ddkit[hf]'") from None


def _table(files: list[Path], where: str, arrow: ModuleType) -> Any:
    """The rows of all files.

    Raises:
        DataError: a file is damaged, or claims more memory than its bytes justify.
    """
    tables = []
    for file in files:
        if odd := not_a_file(file):
            raise DataError(f"{where}: cannot be read ('{file.name}' is {odd}); check the path")
        opened = arrow.parquet.ParquetFile(file)
        groups = [opened.metadata.row_group(i) for i in range(opened.metadata.num_row_groups)]
        widths = [t.list_size for t in opened.schema_arrow.types if arrow.types.is_fixed_size_list(t)]
        claimed = sum(group.total_byte_size for group in groups) + 8 * opened.metadata.num_rows * (1 + sum(widths))
        refuse_bomb(claimed, stored_bytes(file), f"{where}: '{file.name}'")
        tables.append(opened.read())
    try:
        return arrow.concat_tables(tables)
    except arrow.ArrowInvalid:
        raise DataError(f"{where}: its {len(files)} files have different columns; name one file") from None


def _floats(table: Any, name: str, where: str) -> Tensor:
    """A column of lists as float32 [N, D], or of nested lists as [N, D, E, ...]."""
    length_of = import_module("pyarrow.compute").list_value_length
    values = table.column(name).combine_chunks()
    shape = [len(values)]
    try:
        while hasattr(values.type, "value_type"):  # lists of any kind
            (length,) = length_of(values).unique().to_pylist()  # ValueError if lists differ in length
            shape.append(length)
            values = values.flatten()
        found = values.to_numpy(zero_copy_only=False).astype(np.float32)
        return torch.from_numpy(found.reshape(shape).copy())
    except (AttributeError, TypeError, ValueError):
        raise DataError(f"{where}: column '{name}' must have as many numbers in every row; check the file") from None


def _labels(table: Any, name: str, where: str) -> Tensor:
    found = table.column(name).to_pylist()
    if not all(isinstance(each, int) for each in found):
        raise DataError(f"{where}: column '{name}' must have a whole number in every row; check the file")
    return torch.tensor(found)


def _pictures(table: Any, name: str, where: str) -> Tensor:
    return decoded(_bytes(table.column(name).to_pylist(), name, where), f"{where}, column '{name}'")


def _bytes(rows: list[Any], name: str, where: str) -> list[bytes]:
    """The encoded pictures."""
    found: list[Any] = [row.get("bytes") if isinstance(row, dict) else row for row in rows]
    if wrong := [i for i, each in enumerate(found) if not isinstance(each, bytes)]:
        raise DataError(f"{where}: column '{name}' has no picture in row {wrong[0]}; save the pictures in the file")
    return found


def _class_names(text: bytes | None, label: str) -> tuple[str, ...]:
    """The names that Hugging Face's metadata give the labels; () if there are none."""
    try:
        names = json.loads(text or b"{}")["info"]["features"][label]["names"]
    except (ValueError, KeyError, TypeError):
        return ()
    return tuple(map(str, names)) if isinstance(names, list) else ()
