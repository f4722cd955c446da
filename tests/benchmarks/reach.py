"""What a program of the repository reaches by its imports, those inside functions too, file by file."""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = (ROOT, ROOT / "benchmarks", ROOT / "tests")
"""Where a module is looked for."""


def reached(files: Iterable[Path]) -> set[str]:
    """The files themselves and all that they import, relative to the repository. A name that a package hands on counts
    for the module that defines it, not for all that the package hands on."""
    todo, found = list(files), set[Path]()
    while todo:
        file = todo.pop()
        if file not in found:
            found.add(file)
            todo += filter(None, (_file(module, name) for module, name in _imports(file)))
    return {file.relative_to(ROOT).as_posix() for file in found}


@cache
def _module(name: str) -> Path | None:
    for folder in FOLDERS:
        path = folder / name.replace(".", "/")
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if file.is_file():
                return file
    return None


def _file(module: str, name: str) -> Path | None:
    """The file of `from module import name`."""
    if inner := name and _module(f"{module}.{name}"):
        return inner
    file = _module(module)
    if file is not None and file.name == "__init__.py":
        for source, handed_on in _imports(file):
            if handed_on == name:
                return _file(source, name)
    return file


@cache
def _imports(file: Path) -> tuple[tuple[str, str], ...]:
    return tuple(_read(file))


def _read(file: Path) -> Iterator[tuple[str, str]]:
    """(module, name) of each import; name is "" for the whole module."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if re.fullmatch(r"ddkit(\.\w+)+:\w+", node.value):  # imported when it is used
                yield node.value.partition(":")[0], ""
