"""Names of methods and where they live."""

import importlib
from importlib.metadata import entry_points
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


def method_names() -> list[str]:
    """All methods, third parties' too."""
    return sorted({*METHODS, *(entry.name for entry in entry_points(group="ddkit.methods"))})


def method_class(name: str) -> "MethodClass":
    """The class of a method; ours win over an entry point of the same name.

    Raises:
        UsageError: no such method.
    """
    if name in METHODS:
        module, _, attribute = METHODS[name].partition(":")
        return getattr(importlib.import_module(module), attribute)
    for entry in entry_points(group="ddkit.methods", name=name):
        return entry.load()
    raise UsageError(f"method '{name}' is unknown; {nearest(name, method_names())}")
