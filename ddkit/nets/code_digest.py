"""A digest of the source code of a user's network, so that networks of other code have another name."""

from __future__ import annotations

import hashlib
import sys
import sysconfig
from pathlib import Path
from types import ModuleType

INSTALLED = tuple(Path(sysconfig.get_path(kind)).resolve() for kind in ("purelib", "platlib", "stdlib"))
"""Folders of installed packages and of Python."""

LENGTH = 8
"""Hexadecimal digits of a digest."""


def code_digest(module: ModuleType) -> str:
    """Return a digest of the module's file and of the files of the user's modules that it uses.

    These are the modules that it has imported, those they have imported, and so on: of the same package, or of the same
    folder. Not covered are the versions of installed packages, files that the code reads, environment variables, and
    modules that are imported inside functions and have left no name in a module.
    """
    sha = hashlib.sha256()
    for name, file in sorted(_files(module).items()):
        sha.update(f"{name}\0".encode() + (file.read_bytes() if file is not None else b"") + b"\0")
    return sha.hexdigest()[:LENGTH]


def _files(module: ModuleType) -> dict[str, Path | None]:
    """Name -> file of the module and the user's modules that it uses."""
    root, package = _folder(module), module.__name__.partition(".")[0]
    found: dict[str, Path | None] = {}
    waiting = [module]
    while waiting:
        one = waiting.pop()
        if one.__name__ in found:
            continue
        found[one.__name__] = file = _file(one)
        for value in list(vars(one).values()):
            used = value if isinstance(value, ModuleType) else sys.modules.get(getattr(value, "__module__", None) or "")
            if used is not None and (used.__name__.partition(".")[0] == package or _beside(used, root)):
                waiting.append(used)
    return found


def _file(module: ModuleType) -> Path | None:
    name = getattr(module, "__file__", None)
    return Path(name).resolve() if name and Path(name).is_file() else None


def _folder(module: ModuleType) -> Path | None:
    """The folder from which the module's package is imported; None if it is installed or has no file."""
    file = _file(module)
    if file is None or any(file.is_relative_to(folder) for folder in INSTALLED):
        return None
    depth = module.__name__.count(".") + (file.name == "__init__.py")
    return file.parents[depth]


def _beside(module: ModuleType, root: Path | None) -> bool:
    file = _file(module)
    if root is None or file is None or any(file.is_relative_to(folder) for folder in INSTALLED):
        return False
    return file.is_relative_to(root)
