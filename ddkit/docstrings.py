"""Docstrings, read from the source, so that lists of names need not import the modules."""

import ast
import importlib.util
import inspect
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path


def first_paragraphs(where: str) -> tuple[str, str]:
    """Return the first paragraphs of the docstrings of a module and of a class in it, each as one line; "" if missing.

    Args:
        where: "module:Class".
    """
    module, _, name = where.partition(":")
    tree = _parsed(module)
    classes = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
    one = next(classes, None)
    return _first(ast.get_docstring(tree)), _first(ast.get_docstring(one) if one else None)


def paragraphs(table: Mapping[str, str], name: str) -> tuple[str, ...]:
    """Return the first paragraphs of the module and the class of a name in a table of name -> "module:Class".

    If the module has several classes of the table, return only the class's paragraph.
    """
    of_module, of_class = first_paragraphs(table[name])
    shared = Counter(where.partition(":")[0] for where in table.values())[table[name].partition(":")[0]] > 1
    return tuple(text for text in ("" if shared else of_module, of_class) if text)


def sentences(table: Mapping[str, str]) -> dict[str, str]:
    """Return name -> the first sentence of its `paragraphs`."""
    return {name: first_sentence(next(iter(paragraphs(table, name)), "")) for name in table}


def first_sentence(paragraph: str) -> str:
    """Return the text up to the first full stop before a capital letter."""
    return re.split(r"(?<=\.)\s+(?=[A-Z`])", paragraph, maxsplit=1)[0]


def _parsed(module: str) -> ast.Module:
    """Parse a module. If it has no source, return an empty module."""
    try:
        spec = importlib.util.find_spec(module)
        source = Path(spec.origin or "").read_text(encoding="utf-8") if spec is not None else ""
        return ast.parse(source)
    except (ImportError, OSError, ValueError, SyntaxError):
        return ast.Module(body=[], type_ignores=[])


def _first(docstring: str | None) -> str:
    return " ".join(inspect.cleandoc(docstring or "").partition("\n\n")[0].split())
