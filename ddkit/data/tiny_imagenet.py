"""Tiny ImageNet (Stanford CS231n): 200 classes of 500 training and 50 validation pictures, 64 x 64."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from ddkit.data.conversion import Conversion
from ddkit.data.pictures import files_by_class, read_pictures, visible
from ddkit.errors import DataError
from ddkit.files import read_text

FOLDER, SIDE = "tiny-imagenet-200", 64

LARGEST_TEXT = 16 * 2**20
"""Largest size of wnids.txt, words.txt and val_annotations.txt; the official ones have at most 2.6 MB."""


def load_tiny_imagenet(roots: Sequence[Path], where: str) -> tuple[tuple[Tensor, ...], tuple[str, ...]]:
    """Load (training images and labels, test images and labels) and the class names.

    They come from the first root that contains `tiny-imagenet-200`. The layout is the official one: wnids.txt,
    words.txt, train/WNID/images, and val/images with val_annotations.txt. The common re-arrangements val/WNID and
    val/WNID/images give the same result. `val` is the test part, because the official test part has no labels. Classes
    are the sorted wnids, the order of torchvision's ImageFolder, which published code uses. A class has the first name
    in words.txt, followed by the wnid if two classes share that name. Grey pictures are converted to RGB.

    Args:
        roots: the folders to search, in this order.
        where: name of the data in error lines.

    Raises:
        DataError: no root contains the folder (torchvision cannot download it); a file, a class or a line is missing;
            or a picture is damaged or not 64 x 64.
    """
    root = next((root / FOLDER for root in roots if (root / FOLDER).is_dir()), None)
    if root is None:
        places = " or ".join(f"'{root}'" for root in roots)
        raise DataError(
            f"{where}: there is no folder {FOLDER} in {places}, and ddkit cannot download it; unpack the official "
            f"{FOLDER}.zip there, or name the folder that contains it in the environment variable DDKIT_DATA"
        )
    wnids = sorted(set(_lines(root / "wnids.txt", where)))
    classes = _class_names(root / "words.txt", wnids, where)
    files, labels = files_by_class(_class_folders(root / "train", wnids), where)
    test_files, test_labels = _validation_files(root / "val", wnids, where)
    images = read_pictures(files + test_files, where, Conversion(mode="RGB"))
    if images.shape[2:] != (SIDE, SIDE):
        height, width = images.shape[2:]
        raise DataError(
            f"{where}: pictures are {SIDE} x {SIDE}, '{files[0]}' is {width} x {height}; unpack the set again, "
            f"or read a resized one as folder:DIR"
        )
    return (images[: len(files)], labels, images[len(files) :], test_labels), classes


def _class_folders(part: Path, wnids: list[str]) -> dict[int, Path]:
    folders = {label: part / wnid for label, wnid in enumerate(wnids)}
    return {label: inner if (inner := outer / "images").is_dir() else outer for label, outer in folders.items()}


def _validation_files(val: Path, wnids: list[str], where: str) -> tuple[list[Path], Tensor]:
    """List the pictures of `val` and their labels, class by class, for each of the layouts."""
    images = val / "images"
    pictures = {file.name: file for file in visible(images)} if images.is_dir() else {}
    if not pictures:
        if any((val / wnid).is_dir() for wnid in wnids):
            return files_by_class(_class_folders(val, wnids), where)
        raise DataError(f"{where}: there are no pictures in '{images}' nor in '{val}/WNID'; unpack the set again")
    labels = _annotations(val / "val_annotations.txt", wnids, where)
    if odd := sorted(pictures.keys() ^ labels.keys()):
        found = "has no line in" if odd[0] in pictures else "is missing, but named in"
        raise DataError(f"{where}: '{images / odd[0]}' {found} val_annotations.txt; unpack the set again")
    names = sorted(labels, key=lambda name: (labels[name], name))
    return [pictures[name] for name in names], torch.tensor([labels[name] for name in names])


def _annotations(file: Path, wnids: list[str], where: str) -> dict[str, int]:
    """Return the label of each validation picture. A line has its name, its wnid and a box, which is not used."""
    label_of = {wnid: label for label, wnid in enumerate(wnids)}
    labels: dict[str, int] = {}
    for line in _lines(file, where):
        name, _, rest = line.partition("\t")
        wnid = rest.partition("\t")[0]
        if wnid not in label_of or name in labels:
            wrong = "names a picture again" if wnid in label_of else "names no wnid of wnids.txt"
            raise DataError(f"{where}: '{file}': the line {line!r} {wrong}; unpack the set again")
        labels[name] = label_of[wnid]
    return labels


def _class_names(file: Path, wnids: list[str], where: str) -> tuple[str, ...]:
    words = {wnid: names for wnid, _, names in (line.partition("\t") for line in _lines(file, where))}
    if missing := [wnid for wnid in wnids if not words.get(wnid)]:
        raise DataError(f"{where}: '{file}' has no name for {missing[0]}; unpack the set again")
    first = [words[wnid].split(",")[0].strip() for wnid in wnids]
    uses = Counter(first)
    return tuple(name if uses[name] == 1 else f"{name} {wnid}" for name, wnid in zip(first, wnids, strict=True))


def _lines(file: Path, where: str) -> list[str]:
    """Return the lines of a text that are not empty; at least one."""
    text = read_text(file, where, LARGEST_TEXT, "unpack the set again")
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise DataError(f"{where}: '{file}' is empty; unpack the set again")
    return lines
