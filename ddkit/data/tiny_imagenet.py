"""Tiny ImageNet (Stanford CS231n): 200 classes of 500 training and 50 validation pictures, 64 x 64."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from ddkit.data.pictures import files_by_class, read_pictures, visible
from ddkit.errors import DataError
from ddkit.files import read_text

FOLDER, SIDE = "tiny-imagenet-200", 64

LARGEST_TEXT = 16 * 2**20
"""Bytes of wnids.txt, words.txt and val_annotations.txt; the largest has 2.6 MB."""


def load_tiny_imagenet(roots: Sequence[Path], where: str) -> tuple[tuple[Tensor, ...], tuple[str, ...]]:
    """Training images and labels, test images and labels, from the first root that holds `tiny-imagenet-200`; classes.

    The layout is the official one: wnids.txt, words.txt, train/WNID/images, and val/images with val_annotations.txt;
    or val as many re-arrange it for folder readers, val/WNID or val/WNID/images, with the same result. `val` is the
    test part, because the official test part has no labels. Classes are the sorted wnids (the order of torchvision's
    ImageFolder, by which the field reads the set) and are named by the first name in words.txt, with the wnid behind
    it where two share that name. Grey pictures become RGB.

    Args:
        roots: the folders to look in, in this order.
        where: what an error line calls the data.

    Raises:
        DataError: no root holds the folder (nothing is downloaded: torchvision cannot); a file, a class or a line is
            missing; a picture is damaged or not 64 x 64.
    """
    root = next((root / FOLDER for root in roots if (root / FOLDER).is_dir()), None)
    if root is None:
        places = " or ".join(f"'{root}'" for root in roots)
        raise DataError(
            f"{where}: there is no folder {FOLDER} in {places}, and ddkit cannot download it; unpack the official "
            f"{FOLDER}.zip there, or name the folder that holds it in the environment variable DDKIT_DATA"
        )
    wnids = sorted(set(_lines(root / "wnids.txt", where)))
    classes = _class_names(root / "words.txt", wnids, where)
    files, labels = files_by_class(_class_folders(root / "train", wnids), where)
    test_files, test_labels = _validation_files(root / "val", wnids, where)
    images = read_pictures(files + test_files, where, lambda picture: picture.convert("RGB"))
    if images.shape[2:] != (SIDE, SIDE):
        height, width = images.shape[2:]
        raise DataError(
            f"{where}: pictures are {SIDE} x {SIDE}, '{files[0]}' is {width} x {height}; unpack the set anew, "
            f"or read a resized one as folder:DIR"
        )
    return (images[: len(files)], labels, images[len(files) :], test_labels), classes


def _class_folders(part: Path, wnids: list[str]) -> dict[int, Path]:
    folders = {label: part / wnid for label, wnid in enumerate(wnids)}
    return {label: inner if (inner := outer / "images").is_dir() else outer for label, outer in folders.items()}


def _validation_files(val: Path, wnids: list[str], where: str) -> tuple[list[Path], Tensor]:
    """The pictures of `val` and their labels, class by class whichever way they lie."""
    images = val / "images"
    pictures = {file.name: file for file in visible(images)} if images.is_dir() else {}
    if not pictures:
        if any((val / wnid).is_dir() for wnid in wnids):
            return files_by_class(_class_folders(val, wnids), where)
        raise DataError(f"{where}: there are no pictures in '{images}' nor in '{val}/WNID'; unpack the set anew")
    labels = _annotations(val / "val_annotations.txt", wnids, where)
    if odd := sorted(pictures.keys() ^ labels.keys()):
        found = "has no line in" if odd[0] in pictures else "is missing, but named in"
        raise DataError(f"{where}: '{images / odd[0]}' {found} val_annotations.txt; unpack the set anew")
    names = sorted(labels, key=lambda name: (labels[name], name))
    return [pictures[name] for name in names], torch.tensor([labels[name] for name in names])


def _annotations(file: Path, wnids: list[str], where: str) -> dict[str, int]:
    """The label of each validation picture; a line is its name, its wnid and a box that nobody here needs."""
    label_of = {wnid: label for label, wnid in enumerate(wnids)}
    labels: dict[str, int] = {}
    for line in _lines(file, where):
        name, _, rest = line.partition("\t")
        wnid = rest.partition("\t")[0]
        if wnid not in label_of or name in labels:
            wrong = "names a picture again" if wnid in label_of else "names no wnid of wnids.txt"
            raise DataError(f"{where}: '{file}': the line {line!r} {wrong}; unpack the set anew")
        labels[name] = label_of[wnid]
    return labels


def _class_names(file: Path, wnids: list[str], where: str) -> tuple[str, ...]:
    words = {wnid: names for wnid, _, names in (line.partition("\t") for line in _lines(file, where))}
    if missing := [wnid for wnid in wnids if not words.get(wnid)]:
        raise DataError(f"{where}: '{file}' has no name for {missing[0]}; unpack the set anew")
    first = [words[wnid].split(",")[0].strip() for wnid in wnids]
    uses = Counter(first)
    return tuple(name if uses[name] == 1 else f"{name} {wnid}" for name, wnid in zip(first, wnids, strict=True))


def _lines(file: Path, where: str) -> list[str]:
    """The lines of a text that are not empty; at least one."""
    text = read_text(file, where, LARGEST_TEXT, "unpack the set anew")
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise DataError(f"{where}: '{file}' is empty; unpack the set anew")
    return lines
