"""Obstacles to writing: a file where a folder is needed, or a folder where a file is needed.

Long work checks its targets with `refuse_no_folder` and `refuse_no_file` before it begins. Where a write fails later,
the same words explain why.
"""

from pathlib import Path

from ddkit.errors import DataError


def folder_obstacle(path: Path) -> str:
    """Return why `path` cannot be a folder, and what to do; "" if no file is in its way."""
    try:
        for part in (path, *path.parents, *path.absolute().parents):
            if part.is_dir():
                return ""
            if part.exists():
                return f"'{part}' is a file, not a folder; choose another folder"
    except (OSError, ValueError):  # a name that is too long, or a folder without permission: see the error of writing
        pass
    return ""


def file_obstacle(path: Path) -> str:
    """Return why `path` cannot be a file, and what to do; "" if neither a folder nor a file is in its way."""
    try:
        if path.is_dir():
            return "it is a folder; name a file"
    except (OSError, ValueError):
        return ""
    return folder_obstacle(path.parent)


def refuse_no_folder(path: Path) -> None:
    """Raise DataError if a file is where the folder `path`, or a folder above it, has to be."""
    if found := folder_obstacle(path):
        raise DataError(f"folder '{path}': cannot be written: {found}")


def refuse_no_file(path: Path) -> None:
    """Raise DataError if a folder is where the file `path` has to be, or a file where a folder above it has to be."""
    if found := file_obstacle(path):
        raise DataError(f"file '{path}': cannot be written: {found}")
