"""Names of methods for graphs and where they live."""

from pkgutil import resolve_name
from typing import Any

from ddkit.errors import UsageError, nearest

GRAPH_METHODS = {
    "mirage": "ddkit.methods.mirage:Mirage",
    "mirage-plus": "ddkit.methods.mirage_plus:MiragePlus",
}


def graph_method(name: str) -> Any:
    """The `GraphMethod` of that name.

    Raises:
        UsageError: no such method.
    """
    if name not in GRAPH_METHODS:
        raise UsageError(f"method '{name}' is unknown for graphs; {nearest(name, GRAPH_METHODS)}")
    return resolve_name(GRAPH_METHODS[name])()
