"""A digest of the source code of a user's network, so that networks of other code have another name."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sysconfig
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path

INSTALLED = tuple(Path(sysconfig.get_path(kind)).resolve() for kind in ("purelib", "platlib", "stdlib"))
"""Folders of installed packages and of Python."""

SITES = {"site-packages", "dist-packages"}
"""Names of such folders elsewhere, as of another environment that this one uses."""

LARGE = 100
"""Files of Python above which an installed package is a library: reading and importing all of it takes minutes."""

LENGTH = 8
"""Hexadecimal digits of a digest."""


def code_digest(module: str) -> str:
    """Return a digest of a module's file and of the files of the user's modules that it uses.

    These are the modules that its source imports, those that they import, and so on, as far as they belong to the same
    package or lie in the same folder. Of an installed package of more than LARGE files, only the module's own file is
    covered. Not covered are the versions of installed packages, files that the code reads,
    environment variables, and modules that are imported by a computed name.
    """
    sha = hashlib.sha256()
    for name, file in sorted(_files(module).items()):
        sha.update(f"{name}\0".encode() + file.read_bytes() + b"\0")
    return sha.hexdigest()[:LENGTH]


def _files(module: str) -> dict[str, Path]:
    """Name -> file of the module and the user's modules that it uses."""
    package, root = module.partition(".")[0], _folder(module)
    if (only := _file(module)) is not None and _is_of_library(only, package, root):
        return {module: only}
    found: dict[str, Path] = {}
    waiting, seen = [module], set[str]()
    while waiting:
        name = waiting.pop()
        top = name.partition(".")[0]
        if name in seen or (top != package and _is_foreign(top, root)):
            continue
        seen.add(name)
        file = _file(name)
        if file is None or not (top == package or _lies_in(file, root)):
            continue
        found[name] = file
        if file.suffix == ".py":
            waiting += _imported(file.read_bytes(), name, is_package=file.name == "__init__.py")
    return found


def _file(module: str) -> Path | None:
    """The file of a module; None if there is no such module, or it has no file. Its package is imported."""
    try:
        spec = importlib.util.find_spec(module)
    except Exception:  # it imports the package, whose code may raise anything
        return None
    return Path(spec.origin).resolve() if spec is not None and spec.origin and Path(spec.origin).is_file() else None


def _folder(module: str) -> Path | None:
    """The folder from which the module's package is imported; None if it has no file."""
    file = _file(module)
    return None if file is None else file.parents[module.count(".") + (file.name == "__init__.py")]


def _is_of_library(file: Path, package: str, root: Path | None) -> bool:
    """Whether a module's file belongs to an installed package of more than LARGE files."""
    if root is None or not _installed(file):
        return False
    return len(list(islice((root / package).rglob("*.py"), LARGE + 1))) > LARGE


@lru_cache(maxsize=4096)
def _is_foreign(package: str, root: Path | None) -> bool:
    """Whether no module of a package can be the user's: the package has a file, which lies elsewhere.

    Its modules are then not looked up, since that would import its packages.
    """
    file = _file(package)
    return file is not None and not _lies_in(file, root)


def _lies_in(file: Path, root: Path | None) -> bool:
    return root is not None and file.is_relative_to(root) and not _installed(file)


def _installed(file: Path) -> bool:
    return any(file.is_relative_to(one) for one in INSTALLED) or not SITES.isdisjoint(file.parts)


def _imported(source: bytes, module: str, is_package: bool) -> Iterator[str]:
    """Yield the names of all modules that a source imports, also in functions, and of their packages."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")[: module.count(".") + 1 + is_package - node.level] if node.level else []
            start = ".".join([*above, *([node.module] if node.module else [])])
            names = [start, *(f"{start}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            parts = name.split(".")
            yield from (".".join(parts[: i + 1]) for i in range(len(parts)))
