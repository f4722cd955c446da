"""A folder of pictures as a dataset: one sub-folder for each class."""

from pathlib import Path

from torch import Tensor

from ddkit.data.image_data import ImageData
from ddkit.data.layout import find_layout
from ddkit.data.pictures import files_by_class, read_pictures
from ddkit.data.split import with_test_part
from ddkit.errors import DataError, nearest


def load_folder(path: Path) -> ImageData:
    """Load DIR/CLASS/PICTURE, or DIR/PART/CLASS/PICTURE with the parts train, test and val (see `find_layout`).

    The name of the data is that of the folder. Classes are the sub-folders of the training part, sorted by name, and
    pictures are sorted by file name. Names that begin with a dot are ignored. DIR/val is the validation part, or the
    test part if there is no DIR/test. If there is no test part, a fixed, stratified fifth of train becomes it. Pictures
    are rotated by their EXIF orientation. All must have the same size and mode, grey (L) or RGB.

    Raises:
        DataError: the folder is missing, empty or has another layout, a class is empty, or a file is not a picture or
            differs from the first picture.
    """
    where = f"dataset 'folder:{path}'"
    if path.is_file():
        raise DataError(f"{where}: '{path}' is a file; unpack it and name the folder, or write npz:{path}")
    if not path.is_dir():
        raise DataError(f"{where}: there is no folder '{path}'; check the path")
    layout = find_layout(path, where)
    classes = tuple(folder.name for folder in layout.parts["train"])
    inside = {
        part: files_by_class({_label(folder, classes, where): folder for folder in folders}, where)
        for part, folders in layout.parts.items()
    }
    images = read_pictures([file for files, _ in inside.values() for file in files], where)
    parts: dict[str, Tensor] = {}
    split = images.split([len(files) for files, _ in inside.values()])
    for (part, (_, labels)), pictures in zip(inside.items(), split, strict=True):
        parts |= {f"{part}_images": pictures, f"{part}_labels": labels}
    parts, origins = with_test_part(parts, where)
    return ImageData(
        **parts,
        name=path.resolve().name,
        classes=classes,
        flips_keep_label=None,
        licence="not declared",
        origins=origins,
        notes=layout.notes,
    )


def _label(folder: Path, classes: tuple[str, ...], where: str) -> int:
    if folder.name not in classes:
        raise DataError(
            f"{where}: class '{folder.name}' is in {folder.parent.name} but not in train; "
            f"{nearest(folder.name, classes)} (give both folders the same name)"
        )
    return classes.index(folder.name)
