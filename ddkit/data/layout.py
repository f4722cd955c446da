"""The layout of a folder of pictures: the folders of its parts and classes."""

from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from ddkit.data.part_names import PART_NAMES, part_of, validation_as_test
from ddkit.data.pictures import visible
from ddkit.data.tiny_imagenet import FOLDER as TINY_IMAGENET
from ddkit.errors import DataError, nearest

READ = "DIR/CLASS/PICTURE, or DIR/train/CLASS/PICTURE with DIR/test and perhaps DIR/val beside it"
"""The supported layouts."""


@dataclass(frozen=True)
class Layout:
    """The class folders of each part, sorted by name, and notes for the user. There is always a training part."""

    parts: dict[str, list[Path]]
    notes: tuple[str, ...]


def find_layout(root: Path, where: str, within: bool = False) -> Layout:
    """Find the class folders of `root`'s parts.

    The layouts are DIR/CLASS/PICTURE (only a training part) and DIR/PART/CLASS/PICTURE, where PART is one of PART_NAMES
    in any case; `val` is the test part if there is no other. Folders named train and test are parts if all folders
    beside them are parts too. Otherwise they are classes. If DIR has a single folder, which has folders, the
    layout is searched in that one; `within` is true there.

    Raises:
        DataError: the folder has another layout, or contains pictures without a class.
    """
    _refuse_tiny_imagenet(root, where)
    folders, notes = _class_folders(root, where)
    named = [(part, folder) for folder in folders if (part := part_of(folder.name))]
    parts = dict(named)
    if "train" in parts and len(named) == len(folders):
        return _split(named, notes, where)
    deep = [folder for folder in folders if any(entry.is_dir() for entry in visible(folder))]
    if len(deep) < len(folders):  # `files_by_class` refuses a folder among pictures
        return Layout({"train": folders}, notes)
    if "train" in parts:
        other = next(folder.name for folder in folders if not part_of(folder.name))
        known = [name for names in PART_NAMES.values() for name in names]
        raise DataError(
            f"{where}: '{root}' contains '{other}' beside '{parts['train'].name}', which is not the name of a part; "
            f"{nearest(other.lower(), known)} (rename it, or move it away)"
        )
    if len(folders) == 1 and not within and not part_of(folders[0].name):
        inside = find_layout(folders[0], where, within=True)
        return Layout(inside.parts, (*notes, f"read from '{folders[0].name}', the only folder", *inside.notes))
    inner = next(entry for entry in visible(deep[0]) if entry.is_dir())
    fix = f"write folder:{deep[0]}" if len(deep) == 1 else "move the pictures up, or name the training part train"
    raise DataError(
        f"{where}: found DIR/{deep[0].name}/{inner.name}/..., one folder too deep; ddkit reads {READ}; {fix}"
    )


def _split(named: list[tuple[str, Path]], notes: tuple[str, ...], where: str) -> Layout:
    """Return the layout with a folder for each part."""
    folders: dict[str, Path] = {}
    for part, folder in named:
        if part in folders:
            raise DataError(f"{where}: '{folders[part].name}' and '{folder.name}' are both the {part} part; keep one")
        folders[part] = folder
    folders = validation_as_test(folders)
    summary = ", ".join(f"{part} from '{folder.name}'" for part, folder in folders.items())
    parts, more = {}, [*notes, f"folders: {summary}"]
    for part, folder in folders.items():
        parts[part], ignored = _class_folders(folder, where)
        more += ignored
    return Layout(parts, tuple(more))


def _class_folders(root: Path, where: str) -> tuple[list[Path], tuple[str, ...]]:
    """Return the folders in `root`, and a note with the other files there. None of these may be a picture."""
    entries = visible(root)
    folders = [entry for entry in entries if entry.is_dir()]
    if any(folder.name == "__MACOSX" for folder in folders):
        raise DataError(f"{where}: '{root}' contains '__MACOSX', which macOS adds to archives; remove it")
    if not folders:
        raise DataError(f"{where}: '{root}' has no sub-folders; put the pictures of each class into one")
    files = [entry for entry in entries if entry not in folders]
    pictures = Image.registered_extensions()
    if loose := [file for file in files if file.suffix.lower() in pictures]:
        raise DataError(f"{where}: '{loose[0]}' is beside folders, so it has no class; move it into one or remove it")
    names = ", ".join(file.name for file in files[:3]) + ", ..." * (len(files) > 3)
    return folders, (f"not read in '{root.name}': {names}",) if files else ()


def _refuse_tiny_imagenet(root: Path, where: str) -> None:
    """Raise DataError for Tiny-ImageNet as it is distributed. It has extra folders `images`, which only
    `load_tiny_imagenet` reads."""
    for tree in (root, root / TINY_IMAGENET):
        between = [*tree.glob("train/*/images"), *tree.glob("val/images")] if (tree / "wnids.txt").is_file() else []
        if any(folder.is_dir() for folder in between):
            rename = "" if tree.name == TINY_IMAGENET else f"; name the folder {TINY_IMAGENET}"
            raise DataError(
                f"{where}: '{tree}' is Tiny-ImageNet as it is distributed; use the data tiny-imagenet, and name "
                f"'{tree.parent}' in the environment variable DDKIT_DATA{rename}"
            )
