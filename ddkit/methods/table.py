"""Names of methods and the classes behind them."""

from importlib.metadata import entry_points
from pkgutil import resolve_name
from typing import TYPE_CHECKING, cast

from ddkit.errors import UsageError, nearest

if TYPE_CHECKING:  # names are listed without torch
    from ddkit.methods.contract import ImageMethodClass
    from ddkit.methods.graph_contract import GraphMethodClass

IMAGE_METHODS = {
    "mtt": "ddkit.methods.mtt:MTT",
    "ftd": "ddkit.methods.ftd:FTD",
    "ast": "ddkit.methods.ast:AST",
    "datm": "ddkit.methods.datm:DATM",
    "best": "ddkit.methods.best:Best",
    "dc": "ddkit.methods.dc:DC",
    "dsa": "ddkit.methods.dsa:DSAMatching",
    "dm": "ddkit.methods.dm:DM",
    "infer": "ddkit.methods.infer:INFER",
    "sre2l": "ddkit.methods.sre2l:SRe2L",
    "rded": "ddkit.methods.rded:RDED",
    "random": "ddkit.methods.coreset:Random",
    "herding": "ddkit.methods.coreset:Herding",
    "kmeans": "ddkit.methods.coreset:KMeans",
}
GRAPH_METHODS = {
    "mirage": "ddkit.methods.mirage:Mirage",
    "mirage-plus": "ddkit.methods.mirage_plus:MiragePlus",
}
METHODS = IMAGE_METHODS | GRAPH_METHODS


def method_homes() -> dict[str, str]:
    """Return name -> "module:Class" of all methods. Third-party methods come last and cannot replace built-in ones."""
    others = {entry.name: entry.value for entry in entry_points(group="ddkit.methods")}
    return METHODS | {name: where for name, where in others.items() if name not in METHODS}


def method_names() -> list[str]:
    """Return the names of all methods, including third-party ones."""
    return sorted(method_homes())


def method_class(name: str) -> "ImageMethodClass | GraphMethodClass":
    """Return the class of a method. Its `settings_class.kind` is "images" or "graphs".

    Raises:
        UsageError: there is no such method.
    """
    homes = method_homes()
    if name not in homes:
        raise UsageError(f"method '{name}' is unknown; {nearest(name, homes)}")
    found: ImageMethodClass | GraphMethodClass = resolve_name(homes[name])
    return found


def image_method(name: str) -> "ImageMethodClass":
    """Return the class of a method for images.

    Raises:
        UsageError: there is no such method, or it is for graphs.
    """
    return cast("ImageMethodClass", _of_kind("images", name))


def graph_method(name: str) -> "GraphMethodClass":
    """Return the class of a method for graphs.

    Raises:
        UsageError: there is no such method, or it is for images.
    """
    return cast("GraphMethodClass", _of_kind("graphs", name))


def _of_kind(kind: str, name: str) -> "ImageMethodClass | GraphMethodClass":
    found = method_class(name)
    own = found.settings_class.kind
    if own != kind:
        fitting = {"images": IMAGE_METHODS, "graphs": GRAPH_METHODS}[kind]
        raise UsageError(f"method '{name}' is for {own}; those for {kind} are {', '.join(fitting)}")
    return found
