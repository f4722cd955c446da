"""Names of methods and where they live."""

from importlib.metadata import entry_points
from pkgutil import resolve_name
from typing import TYPE_CHECKING

from ddkit.errors import UsageError, nearest

if TYPE_CHECKING:  # names are listed without torch
    from ddkit.methods.contract import MethodClass

METHODS = {
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


def method_homes() -> dict[str, str]:
    """Name -> "module:Class" of all methods; third parties' are last, but for those that are called as ours are."""
    others = {entry.name: entry.value for entry in entry_points(group="ddkit.methods")}
    return METHODS | {name: where for name, where in others.items() if name not in METHODS}


def method_names() -> list[str]:
    """All methods, third parties' too."""
    return sorted(method_homes())


def method_class(name: str) -> "MethodClass":
    """The class of a method; ours win over an entry point of the same name.

    Raises:
        UsageError: no such method.
    """
    if name in METHODS:
        return resolve_name(METHODS[name])
    for entry in entry_points(group="ddkit.methods", name=name):
        return entry.load()
    raise UsageError(f"method '{name}' is unknown; {nearest(name, method_names())}")
