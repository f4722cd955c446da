"""Whether a file of code, or the folder that it lies in, is ours alone."""

import os
import stat
from pathlib import Path

OTHERS = stat.S_IWGRP | stat.S_IWOTH


def distrust(path: Path) -> str | None:
    """Why others than we (or root) may have written what lies at `path`, as the rest of a sentence; None: they may not,
    or nothing is there."""
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
    """Whether there is a folder that only we (or root) may write; it is made where there is none. If it is ours but
    others may write it, as a generous umask makes folders, their permission is taken away. A folder within one that
    everybody may write (and no sticky bit guards) is none: another can be put in its place."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        info = path.lstat()
        if stat.S_ISDIR(info.st_mode) and info.st_uid == os.geteuid() and info.st_mode & OTHERS:
            path.chmod(stat.S_IMODE(info.st_mode) & ~OTHERS)
    except OSError:
        return False
    return path.is_dir() and distrust(path) is None and not open_to_all(path.parent)


def open_to_all(folder: Path) -> bool:
    """Whether everybody may rename what lies in a folder."""
    mode = folder.stat().st_mode
    return bool(mode & stat.S_IWOTH) and not mode & stat.S_ISVTX
