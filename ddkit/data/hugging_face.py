"""Image datasets of Hugging Face's library `datasets`: a folder on this machine, or a name on the Hub."""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ddkit.data.encoded import Encoded, PictureBytes, PictureFile
from ddkit.data.hf_columns import Columns, find_columns
from ddkit.data.image_data import ImageData
from ddkit.data.numbering import class_names_of, numbering_note
from ddkit.data.part_names import part_of, validation_as_test
from ddkit.data.pictures import read_encoded
from ddkit.data.reading import AS_IT_IS, Reading
from ddkit.data.split import with_test_part
from ddkit.errors import DataError, nearest, reason

Splits = dict[str, Any]
"""Part -> a `datasets.Dataset`."""

SUFFIXES = {".parquet": "parquet", ".arrow": "arrow"}
"""Endings of single files, and the readers of `datasets` for them."""


def load_hugging_face(path: Path, reading: Reading = AS_IT_IS) -> ImageData:
    """Load an image dataset with the library `datasets`.

    Splits are the parts whose names they have, as for folders: `validation` is the test part if there is no other, and
    without a test part a fixed, stratified fifth of train becomes it. A split without labels is not read. Pictures are
    decoded as those of a folder.

    Args:
        path: a folder that `datasets` reads (parquet, imagefolder, arrow, or written by `save_to_disk`), a parquet or
            arrow file, or, if there is none, the name of a dataset on the Hub, which is downloaded. No code of a
            dataset is run.
        reading: configuration, columns, the classes to read, and the conversion.

    Raises:
        DataError: `datasets` is not installed, cannot read the data or download it; a configuration, a column or a
            split is missing; or pictures cannot be used.
    """
    where = f"dataset 'hf:{path}'"
    with tempfile.TemporaryDirectory(prefix="ddkit-hf-") as scratch, _quiet(where):
        found, others = _opened(path, reading.config, Path(scratch), where)
        splits, notes = _parts(found, where)
        licence = (splits["train"].info.license or "not declared").splitlines()[0]
        columns = find_columns(splits["train"].features, reading, where)
        labels = {part: _labels(split, part, columns, where) for part, split in splits.items()}
        if unlabelled := [part for part, own in labels.items() if own and not any(own)]:
            notes += tuple(f"the {part} part has no labels, so it is not read" for part in unlabelled)
            labels = {part: own for part, own in labels.items() if part not in unlabelled}
        if "train" not in labels:
            raise DataError(f"{where}: its training part has no labels; use a dataset with labels")
        names = columns.classes or class_names_of([label for label in labels["train"] if label])
        classes = reading.of(names, where)
        pictures: list[Encoded] = []
        numbers: dict[str, Tensor] = {}
        for part, own in validation_as_test(labels).items():
            split = splits[part] if part in labels else splits["validation"]
            rows = _rows(own, names, part, where)
            rows = {row: label for row, label in rows.items() if label in classes}
            pictures += _pictures(split, columns.image, list(rows), part, where)
            numbers[part] = torch.tensor([classes.index(label) for label in rows.values()], dtype=torch.int64)
        if not pictures:
            raise DataError(f"{where}: has no picture; check the dataset")
        images, converted = read_encoded(pictures, f"{where}: its pictures", where, reading.conversion, settable=True)
    parts: dict[str, Tensor] = {}
    for part, each in zip(numbers, images.split([len(own) for own in numbers.values()]), strict=True):
        parts |= {f"{part}_images": each, f"{part}_labels": numbers[part]}
    parts, origins = with_test_part(parts, where)
    numbering = numbering_note(names) if columns.classes is None else ()
    return ImageData(
        **parts,
        name=path.name.removesuffix(path.suffix) if path.suffix in SUFFIXES else path.resolve().name,
        classes=classes,
        flips_keep_label=None,
        licence=licence,
        origins=origins,
        notes=(*others, *notes, *columns.notes, *numbering, *converted),
    )


@contextmanager
def _quiet(where: str) -> Iterator[None]:
    """Switch the progress bars and the log of `datasets` off for a while.

    Raises:
        DataError: it is not installed.
    """
    try:
        import datasets  # slow to import
    except ImportError:
        raise DataError(f"{where}: is read by the library datasets; run: pip install 'ddkit[hf]'") from None
    were_off, logged = datasets.are_progress_bars_disabled(), datasets.logging.get_verbosity()
    datasets.disable_progress_bars()
    datasets.logging.set_verbosity(logging.CRITICAL)  # its errors are raised too
    try:
        yield
    finally:
        datasets.logging.set_verbosity(logged)
        if not were_off:
            datasets.enable_progress_bars()


def _opened(path: Path, config: str | None, scratch: Path, where: str) -> tuple[Splits, tuple[str, ...]]:
    """Open a dataset, and name the configurations that are not read. `scratch` is for files that `datasets` writes."""
    import datasets

    notes: tuple[str, ...] = ()
    local = path.exists()
    if not local and (path.is_absolute() or len(path.parts) > 2 or path.parts[:1] == ("..",)):
        raise DataError(f"{where}: there is no folder '{path}'; check the path")
    saved = local and any((path / name).is_file() for name in ("dataset_dict.json", "state.json"))
    if config is not None and (saved or path.is_file()):
        raise DataError(f"{where}, key 'data.config': a file, or a folder of save_to_disk, has none; leave it out")
    try:
        if saved:
            found = datasets.load_from_disk(str(path))
        elif path.is_file():
            if path.suffix not in SUFFIXES:
                raise DataError(f"{where}: '{path}' is no parquet or arrow file; name one, or a folder")
            kind = SUFFIXES[path.suffix]
            found = datasets.load_dataset(kind, data_files={"train": str(path)}, cache_dir=str(scratch))
        else:
            found, notes = _of_config(str(path), config, scratch if local else None, where)
    except (DataError, MemoryError):
        raise
    except Exception as error:  # the readers of `datasets` raise any error for damaged files and missing networks
        fix = "check the folder" if local else "check the name and the network, or name a folder"
        raise DataError(f"{where}: cannot be read by the library datasets ({reason(error)}); {fix}") from None
    return dict(found) if isinstance(found, dict) else {"train": found}, notes


def _of_config(name: str, config: str | None, cache: Path | None, where: str) -> tuple[Any, tuple[str, ...]]:
    """Open one configuration of a dataset, and name the others. None: the only one, or the default one.

    Raises:
        DataError: there is no such configuration, or the dataset has several and no default.
    """
    import datasets

    key = f"{where}, key 'data.config'"
    if config is not None and config not in (names := datasets.get_dataset_config_names(name)):
        raise DataError(f"{key}: the dataset has no configuration '{config}'; {nearest(config, names)}")
    try:
        builder = datasets.load_dataset_builder(name, config, cache_dir=None if cache is None else str(cache))
    except ValueError as error:
        if "Config name is missing" not in str(error):
            raise
        names = sorted(datasets.get_dataset_config_names(name))
        raise DataError(
            f"{key}: the dataset has several configurations; set it to one of: {', '.join(names)}"
        ) from None
    builder.download_and_prepare()
    others = sorted(set(builder.builder_configs) - {builder.config.name})
    note = f"configuration '{builder.config.name}' is read, and not: {', '.join(others)} (data.config chooses one)"
    return builder.as_dataset(), (note,) if others and config is None else ()


def _parts(found: Splits, where: str) -> tuple[Splits, tuple[str, ...]]:
    """Return the splits by the names of parts, and notes about them.

    Raises:
        DataError: two splits are the same part, or none is train.
    """
    splits: Splits = {}
    for name, split in found.items():
        part = part_of(name)
        if part in splits:
            raise DataError(f"{where}: two of its splits, {', '.join(found)}, are the {part} part; keep one")
        if part is not None:
            splits[part] = split
    if "train" not in splits:
        raise DataError(f"{where}: has no split train; {nearest('train', found)}")
    others = [name for name in found if part_of(name) is None]
    return splits, (f"splits that are not read: {', '.join(others)}",) if others else ()


def _labels(split: Any, part: str, columns: Columns, where: str) -> list[str | None]:
    """Return the name of each row's class; None for a row without a label."""
    for column in (columns.image, columns.label):
        if column not in split.features:
            raise DataError(f"{where}: its {part} part has no column '{column}'; give all parts the same columns")
    values = split.with_format(None)[columns.label][:]
    if columns.classes is None:
        return [None if value is None else str(value) for value in values]
    names = dict(enumerate(columns.classes))
    return [None if value is None or value < 0 else names.get(value, str(value)) for value in values]


def _rows(labels: list[str | None], names: tuple[str, ...], part: str, where: str) -> dict[int, str]:
    """Return row -> name of its class.

    Raises:
        DataError: a row has no label, or one that train lacks.
    """
    rows: dict[int, str] = {}
    for row, label in enumerate(labels):
        if label is None:
            raise DataError(f"{where}: row {row} of its {part} part has no label; remove such rows")
        if label not in names:
            raise DataError(
                f"{where}: its {part} part has the label '{label}', which train lacks; {nearest(label, names)}"
            )
        rows[row] = label
    return rows


def _pictures(split: Any, column: str, rows: list[int], part: str, where: str) -> list[Encoded]:
    """Return the encoded pictures of these rows. Their bytes are fetched when they are needed.

    Raises:
        DataError: the column does not hold pictures.
    """
    from datasets import Image

    pictures: list[Encoded] = []
    try:
        encoded = split.select_columns([column]).cast_column(column, Image(decode=False)).with_format(None)
        for row in rows:
            cell = encoded[row][column] or {}
            name = f"{part} part, row {row}"
            if cell.get("bytes") is None and cell.get("path"):
                pictures.append(PictureFile(Path(cell["path"]), name))
            else:
                pictures.append(PictureBytes(partial(_bytes, encoded, row, column), name))
    except MemoryError:
        raise
    except Exception as error:  # `datasets` raises any error for columns that it cannot cast
        raise DataError(
            f"{where}, key 'data.image_column': '{column}' holds no pictures ({reason(error)}); name another column"
        ) from None
    return pictures


def _bytes(encoded: Any, row: int, column: str) -> bytes:
    cell = encoded[row][column]
    if not cell or not cell.get("bytes"):
        raise ValueError("the row has no picture")
    found: bytes = cell["bytes"]
    return found
