"""A folder of pictures as a dataset: one sub-folder a class."""

from pathlib import Path

from torch import Tensor

from ddkit.data.image_data import ImageData
from ddkit.data.npz import KEYS
from ddkit.data.pictures import files_by_class, read_pictures, visible
from ddkit.data.split import cut_test
from ddkit.errors import DataError


def load_folder(path: Path) -> ImageData:
    """DIR/CLASS/PICTURE, or DIR/train/CLASS/PICTURE and DIR/test/CLASS/PICTURE, as ImageData named after the folder.

    Classes are the sub-folders (of the training part) by name, pictures come by file name; names that begin with a dot
    are passed over. DIR/val is the test part where there is no DIR/test, and not read beside one. Without a test part
    a fixed, stratified fifth is cut off for testing. All pictures must have one size and one mode, grey (L) or RGB.

    Raises:
        DataError: the folder is missing or empty, a class is empty, a file is no picture or differs from the first.
    """
    where = f"dataset 'folder:{path}'"
    if not path.is_dir():
        raise DataError(f"{where}: there is no folder '{path}'; check the path")
    top = {folder.name for folder in _class_folders(path, where)}
    split = "train" in top and top <= {"train", "val", "test"}  # beside other folders, these are names of classes
    train_folders = _class_folders(path / "train" if split else path, where)
    classes = tuple(folder.name for folder in train_folders)
    files, labels = files_by_class(dict(enumerate(train_folders)), where)
    held_out = next((part for part in ("test", "val") if split and part in top), None)
    if held_out is None:
        parts: tuple[Tensor, ...] = cut_test(read_pictures(files, where), labels, where)
    else:
        test_folders = {_label(folder, classes, where): folder for folder in _class_folders(path / held_out, where)}
        test_files, test_labels = files_by_class(test_folders, where)
        images = read_pictures(files + test_files, where)
        parts = images[: len(files)], labels, images[len(files) :], test_labels
    return ImageData(
        **dict(zip(KEYS, parts, strict=True)),
        name=path.resolve().name,
        classes=classes,
        flips_keep_label=None,
        licence="not declared",
    )


def _class_folders(root: Path, where: str) -> list[Path]:
    folders = [entry for entry in visible(root) if entry.is_dir()]
    if not folders:
        raise DataError(f"{where}: '{root}' has no sub-folders; put the pictures of each class into one")
    return folders


def _label(folder: Path, classes: tuple[str, ...], where: str) -> int:
    if folder.name not in classes:
        part = folder.parent.name
        raise DataError(f"{where}: class '{folder.name}' is in {part} but not in train; name the folders alike")
    return classes.index(folder.name)
