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


def paragraphs(table: Mapping[str, str], name: str) -> tuple[str, ...]:
    """What the docstrings say of one name of a table of name -> "module:Class": the module's and the class's first
    paragraphs; of a module that holds several classes of the table, the class's alone."""
    of_module, of_class = first_paragraphs(table[name])
    shared = Counter(where.partition(":")[0] for where in table.values())[table[name].partition(":")[0]] > 1
    return tuple(text for text in ("" if shared else of_module, of_class) if text)


def sentences(table: Mapping[str, str]) -> dict[str, str]:
    """Name -> one sentence: the first of its `paragraphs`."""
    return {name: first_sentence(next(iter(paragraphs(table, name)), "")) for name in table}


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
