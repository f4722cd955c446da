"""A folder of pictures as a dataset: one sub-folder a class."""

from pathlib import Path

from torch import Tensor

from ddkit.data.image_data import ImageData
from ddkit.data.layout import find_layout
from ddkit.data.pictures import files_by_class, read_pictures
from ddkit.data.split import with_test_part
from ddkit.errors import DataError, nearest


def load_folder(path: Path) -> ImageData:
    """DIR/CLASS/PICTURE, or DIR/PART/CLASS/PICTURE where the parts are train, test and perhaps val (see `find_layout`),
    as ImageData named after the folder.

    Classes are the sub-folders (of the training part) by name, pictures come by file name; names that begin with a dot
    are passed over. DIR/val is the validation part beside DIR/test, and the test part where there is no DIR/test.
    Without a test part a fixed, stratified fifth of train becomes it. Pictures stand as their EXIF orientation says;
    all must have one size and one mode, grey (L) or RGB.

    Raises:
        DataError: the folder is missing, empty or laid out otherwise, a class is empty, a file is no picture or differs
            from the first.
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
            f"{nearest(folder.name, classes)} (name the folders alike)"
        )
    return classes.index(folder.name)
