"""A folder of pictures as a dataset: one sub-folder a class."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ddkit.data.image_data import ImageData
from ddkit.data.npz import KEYS
from ddkit.data.split import cut_test
from ddkit.errors import DataError, reason

_CHANNELS = {"L": 1, "RGB": 3}


def load_folder(path: Path) -> ImageData:
    """DIR/CLASS/PICTURE, or DIR/train/CLASS/PICTURE and DIR/test/CLASS/PICTURE, as ImageData named after the folder.

    Classes are the sub-folders (of the training part) by name, pictures come by file name; names that begin with a dot
    are passed over. Without a test part a fixed, stratified fifth is cut off for testing. All pictures must have one
    size and one mode, grey (L) or RGB.

    Raises:
        DataError: the folder is missing or empty, a class is empty, a file is no picture or differs from the first.
    """
    where = f"dataset 'folder:{path}'"
    if not path.is_dir():
        raise DataError(f"{where}: there is no folder '{path}'; check the path")
    top = [folder.name for folder in _class_folders(path, where)]
    split = "train" in top and set(top) <= {"train", "test"}  # beside other folders, these two are names of classes
    train_folders = _class_folders(path / "train" if split else path, where)
    classes = tuple(folder.name for folder in train_folders)
    files, labels = _files(train_folders, classes, where)
    if split and "test" in top:
        test_files, test_labels = _files(_class_folders(path / "test", where), classes, where)
        images = _read(files + test_files, where)
        parts: tuple[Tensor, ...] = (images[: len(files)], labels, images[len(files) :], test_labels)
    else:
        parts = cut_test(_read(files, where), labels, where)
    return ImageData(
        **dict(zip(KEYS, parts, strict=True)),
        name=path.resolve().name,
        classes=classes,
        flips_keep_label=None,
        licence="not declared",
    )


def _visible(folder: Path) -> list[Path]:
    return sorted((entry for entry in folder.iterdir() if not entry.name.startswith(".")), key=lambda entry: entry.name)


def _class_folders(root: Path, where: str) -> list[Path]:
    folders = [entry for entry in _visible(root) if entry.is_dir()]
    if not folders:
        raise DataError(f"{where}: '{root}' has no sub-folders; put the pictures of each class into one")
    return folders


def _files(folders: list[Path], classes: tuple[str, ...], where: str) -> tuple[list[Path], Tensor]:
    """The pictures of the class folders, and the label of each."""
    files: list[Path] = []
    labels: list[int] = []
    for folder in folders:
        if folder.name not in classes:
            raise DataError(f"{where}: class '{folder.name}' is in test but not in train; name the folders alike")
        inside = _visible(folder)
        if not inside:
            raise DataError(f"{where}: class folder '{folder}' is empty; add pictures or remove it")
        files += inside
        labels += [classes.index(folder.name)] * len(inside)
    return files, torch.tensor(labels)


def _read(files: list[Path], where: str) -> Tensor:
    """All pictures as uint8 [N, C, H, W]."""
    wanted, arrays = "", []
    for file in files:
        array, kind = _picture(file, where)
        wanted = wanted or kind
        if kind != wanted:
            raise DataError(
                f"{where}: '{file}' is {kind} but the first picture, '{files[0]}', is {wanted}; "
                f"convert all to one size and mode"
            )
        arrays.append(array)
    return torch.from_numpy(np.stack(arrays))


def _picture(file: Path, where: str) -> tuple[np.ndarray, str]:
    """One picture as uint8 [C, H, W], and its size and mode in words."""
    try:
        with Image.open(file) as picture:
            mode, kind = picture.mode, f"{picture.width} x {picture.height} {picture.mode}"
            array = np.asarray(picture)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{where}: '{file}' is not a readable picture ({reason(error)}); repair or remove it") from None
    if mode not in _CHANNELS:
        raise DataError(f"{where}: '{file}' has mode {mode}; convert the pictures to RGB, or to grey (mode L)")
    return array.reshape(*array.shape[:2], _CHANNELS[mode]).transpose(2, 0, 1), kind
