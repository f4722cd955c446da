"""Folders of pictures as a dataset: one sub-folder for each class, or a CSV file with the labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ddkit.data.encoded import PictureFile
from ddkit.data.image_data import ImageData
from ddkit.data.label_file import Labelled, csv_files, lone_label_file, read_label_file
from ddkit.data.layout import Layout, find_layout
from ddkit.data.numbering import class_names_of, numbering_note
from ddkit.data.part_names import validation_as_test
from ddkit.data.pictures import files_by_class, read_encoded
from ddkit.data.reading import AS_IT_IS, Reading
from ddkit.data.split import with_test_part
from ddkit.errors import DataError, nearest


@dataclass(frozen=True, eq=False)
class _Listed:
    """The pictures of a folder and their labels by part, the names of the classes, and notes."""

    parts: dict[str, tuple[list[Path], Tensor]]
    classes: tuple[str, ...]
    notes: tuple[str, ...]


def load_folder(path: Path, reading: Reading = AS_IT_IS) -> ImageData:
    """Load DIR/CLASS/PICTURE, DIR/PART/CLASS/PICTURE (see `find_layout`), or the pictures that a CSV file labels.

    The name of the data is that of the folder. Classes are the sub-folders of the training part, sorted by name, and
    pictures are sorted by file name. Names that begin with a dot are ignored. DIR/val is the validation part, or the
    test part if there is no DIR/test. If there is no test part, a fixed, stratified fifth of train becomes it. Pictures
    are turned by their EXIF orientation. All must have the same size and mode, grey (L) or RGB, if `reading` does not
    convert them.

    Args:
        path: the folder, or a CSV file in it (see `read_label_file`). The CSV file of a folder without class folders is
            found.
        reading: the classes to read, and the conversion.

    Raises:
        DataError: the folder is missing, empty or has another layout, a class is empty, or files are not pictures or
            do not agree.
    """
    where = f"dataset 'folder:{path}'"
    is_labels = path.is_file() and path.suffix.lower() == ".csv"
    if path.is_file() and not is_labels:
        raise DataError(f"{where}: '{path}' is a file; unpack it and name the folder, or write npz:{path}")
    if not is_labels and not path.is_dir():
        raise DataError(f"{where}: there is no folder '{path}'; check the path")
    labels = path if is_labels else lone_label_file(path)
    listed = _by_labels(labels, reading, where) if labels else _by_folders(_layout(path, where), reading, where)
    root = labels.parent if labels else path
    files = [file for files, _ in listed.parts.values() for file in files]
    images, converted = read_encoded(
        [PictureFile(file, _name(file, root)) for file in files],
        f"{where}: '{files[0].parent}' and the other folders",
        where,
        reading.conversion,
        settable=True,
    )
    parts: dict[str, Tensor] = {}
    split = images.split([len(files) for files, _ in listed.parts.values()])
    for (part, (_, numbers)), pictures in zip(listed.parts.items(), split, strict=True):
        parts |= {f"{part}_images": pictures, f"{part}_labels": numbers}
    parts, origins = with_test_part(parts, where)
    return ImageData(
        **parts,
        name=root.resolve().name,
        classes=listed.classes,
        flips_keep_label=None,
        licence="not declared",
        origins=origins,
        notes=(*listed.notes, *converted),
    )


def _layout(path: Path, where: str) -> Layout:
    """Find the class folders. Error lines about them also name CSV files, which may hold the labels."""
    files = csv_files(path)
    hint = f"; or, if '{files[0].name}' has the labels, write folder:{files[0]}" if files else ""
    try:
        layout = find_layout(path, where)
    except DataError as error:
        raise DataError(f"{error}{hint}") from None
    if files and len(layout.parts["train"]) == 1:
        raise DataError(f"{where}: has one class folder only, '{layout.parts['train'][0].name}'; add others{hint}")
    return layout


def _by_folders(layout: Layout, reading: Reading, where: str) -> _Listed:
    names = tuple(folder.name for folder in layout.parts["train"])
    for folder in (folder for folders in layout.parts.values() for folder in folders):
        if folder.name not in names:
            raise DataError(
                f"{where}: class '{folder.name}' is in {folder.parent.name} but not in train; "
                f"{nearest(folder.name, names)} (give both folders the same name)"
            )
    classes = reading.of(names, where)
    parts = {}
    for part, folders in layout.parts.items():
        by_name = {folder.name: folder for folder in folders}
        kept = {label: by_name[name] for label, name in enumerate(classes) if name in by_name}
        parts[part] = files_by_class(kept, where)
    return _Listed(parts, classes, layout.notes)


def _by_labels(path: Path, reading: Reading, where: str) -> _Listed:
    rows, notes = read_label_file(path, where)
    by_part: dict[str, list[Labelled]] = {}
    for row in rows:
        by_part.setdefault(row.part, []).append(row)
    by_part = validation_as_test(by_part)
    if "train" not in by_part:
        raise DataError(f"{where}: '{path.name}' names no training picture; its column 'split' needs 'train'")
    names = class_names_of([row.label for row in by_part["train"]])
    if strange := [row for row in rows if row.label not in names]:
        raise DataError(
            f"{where}: '{path.name}' has the label '{strange[0].label}' in the {strange[0].part} part, which train "
            f"lacks; {nearest(strange[0].label, names)}"
        )
    classes = reading.of(names, where)
    number = {name: label for label, name in enumerate(classes)}
    parts = {part: _numbered([row for row in own if row.label in number], number) for part, own in by_part.items()}
    summary = f"labels from '{path.name}'" + (f": {', '.join(parts)}" if len(parts) > 1 else "")
    return _Listed(parts, classes, (summary, *numbering_note(names), *notes))


def _numbered(rows: Sequence[Labelled], number: dict[str, int]) -> tuple[list[Path], Tensor]:
    return [row.file for row in rows], torch.tensor([number[row.label] for row in rows], dtype=torch.int64)


def _name(file: Path, root: Path) -> str:
    return str(file.relative_to(root)) if file.is_relative_to(root) else str(file)
