"""Checks whether only this user (or root) could have written a file of code or its folder."""

import os
import stat
from pathlib import Path

OTHERS = stat.S_IWGRP | stat.S_IWOTH


def distrust(path: Path) -> str | None:
    """Return why others than this user (or root) could have written `path`, as the end of a sentence.

    None: they could not, or there is nothing at `path`.
    """
    try:
        info = path.lstat()
    except OSError:
        return None
    if stat.S_ISLNK(info.st_mode):
        return "is a link"
    if not (stat.S_ISREG(info.st_mode) or stat.S_ISDIR(info.st_mode)):
        return "is neither a file nor a folder"
    if info.st_uid not in (0, os.geteuid()):
        return f"belongs to another user ({info.st_uid})"
    if info.st_mode & OTHERS:
        return "may be written by others"
    return None


def private_folder(path: Path) -> bool:
    """Create a folder if it is missing, and return whether only this user (or root) can write it.

    If it belongs to this user and others can write it, because of the umask, their permission is removed. The result is
    False if everybody can write the parent folder and it has no sticky bit, because another folder could then replace
    this one.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        info = path.lstat()
        if stat.S_ISDIR(info.st_mode) and info.st_uid == os.geteuid() and info.st_mode & OTHERS:
            path.chmod(stat.S_IMODE(info.st_mode) & ~OTHERS)
    except OSError:
        return False
    return path.is_dir() and distrust(path) is None and not open_to_all(path.parent)


def open_to_all(folder: Path) -> bool:
    """Return whether everybody can rename the entries of a folder."""
    mode = folder.stat().st_mode
    return bool(mode & stat.S_IWOTH) and not mode & stat.S_ISVTX
