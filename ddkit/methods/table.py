"""Names of methods and the classes behind them."""

from typing import TYPE_CHECKING, cast

from ddkit.errors import UsageError
from ddkit.name_table import class_named, refuse_unknown_name, third_party, with_third_parties

if TYPE_CHECKING:  # names are listed without torch
    from ddkit.methods.contract import ImageMethodClass
    from ddkit.methods.graph_contract import GraphMethodClass

IMAGE_METHODS = {
    "mtt": "ddkit.methods.mtt:MTT",
    "ftd": "ddkit.methods.ftd:FTD",
    "ast": "ddkit.methods.ast:AST",
    "datm": "ddkit.methods.datm:DATM",
    "att": "ddkit.methods.att:ATT",
    "pad": "ddkit.methods.pad:PAD",
    "edf": "ddkit.methods.edf:EDF",
    "tesla": "ddkit.methods.tesla:TESLA",
    "best": "ddkit.methods.best:Best",
    "dc": "ddkit.methods.dc:DC",
    "dsa": "ddkit.methods.dsa:DSAMatching",
    "dm": "ddkit.methods.dm:DM",
    "ncfm": "ddkit.methods.ncfm:NCFM",
    "ncfm-release": "ddkit.methods.ncfm_release:NCFMRelease",
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
    return with_third_parties(METHODS, "methods")


def method_names(kind: str | None = None) -> list[str]:
    """Return the names of all methods, or of those for one kind of data, "images" or "graphs".

    The names are in alphabetical order, those of third parties included. The kind of a third party's method is that of
    its settings class, so its module is imported to find it. A module that cannot be imported has no kind.
    """
    homes = method_homes()
    if kind is None:
        return sorted(homes)
    own = {"images": IMAGE_METHODS, "graphs": GRAPH_METHODS}[kind]
    return sorted(name for name in homes if name in own or (name not in METHODS and _kind_of_third_party(name) == kind))


def method_class(name: str) -> "ImageMethodClass | GraphMethodClass":
    """Return the class of a method. Its `settings_class.kind` is "images" or "graphs".

    Raises:
        UsageError: there is no such method, or the package of a third party's method cannot be imported.
    """
    if name in METHODS:
        return cast("ImageMethodClass | GraphMethodClass", class_named("method", name, METHODS))
    homes = method_homes()
    refuse_unknown_name("method", name, homes)
    wanted = "has no `settings_class` whose `kind` is images or graphs"
    found = third_party("method", name, homes[name], _has_kind, wanted)
    return cast("ImageMethodClass | GraphMethodClass", found)


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
        raise UsageError(f"method '{name}' is for {own}; those for {kind} are {', '.join(method_names(kind))}")
    return found


def _has_kind(found: object) -> bool:
    return getattr(getattr(found, "settings_class", None), "kind", None) in ("images", "graphs")


def _kind_of_third_party(name: str) -> str | None:
    try:
        return method_class(name).settings_class.kind
    except UsageError:
        return None
