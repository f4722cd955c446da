"""Docstrings, read from the source, so that what is listed need not be imported."""

import ast
import importlib.util
import inspect
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path


def first_paragraphs(where: str) -> tuple[str, str]:
    """The first paragraphs, each in one line, of the docstrings of a module and of a class in it; "" for none.

    Args:
        where: "module:Class".
    """
    module, _, name = where.partition(":")
    tree = _parsed(module)
    classes = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
    one = next(classes, None)
    return _first(ast.get_docstring(tree)), _first(ast.get_docstring(one) if one else None)


def sentences(table: Mapping[str, str]) -> dict[str, str]:
    """Name -> one sentence, for a table of name -> "module:Class": the first of the module's docstring, or of the
    class's where a module holds several classes of the table or has no docstring."""
    shared = Counter(where.partition(":")[0] for where in table.values())
    found = {}
    for name, where in table.items():
        of_module, of_class = first_paragraphs(where)
        alone = of_module and shared[where.partition(":")[0]] == 1
        found[name] = first_sentence(of_module if alone else of_class)
    return found


def first_sentence(paragraph: str) -> str:
    """What ends at the first full stop that a capital letter follows."""
    return re.split(r"(?<=\.)\s+(?=[A-Z`])", paragraph, maxsplit=1)[0]


def _parsed(module: str) -> ast.Module:
    """The syntax of a module; of one that has no source, an empty module."""
    try:
        spec = importlib.util.find_spec(module)
        source = Path(spec.origin or "").read_text(encoding="utf-8") if spec is not None else ""
        return ast.parse(source)
    except (ImportError, OSError, ValueError, SyntaxError):
        return ast.Module(body=[], type_ignores=[])


def _first(docstring: str | None) -> str:
    return " ".join(inspect.cleandoc(docstring or "").partition("\n\n")[0].split())
