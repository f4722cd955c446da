"""Tables of name -> "module:Class". A class is imported when it is looked up, so names are listed without torch.

A table can be open to third parties: their packages add names by entry points of groups such as ddkit.nets.
"""

from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from pkgutil import resolve_name
from typing import Any

from ddkit.errors import UsageError, nearest, reason
from ddkit.toml import SHOWN, shortened


def refuse_unknown_name(kind: str, name: str, table: Mapping[str, str]) -> None:
    """Raise UsageError if a table has no such name; the line has the nearest names.

    Args:
        kind: the noun for one name, such as "net".
    """
    if name not in table:
        raise UsageError(f"{kind} '{shortened(name)}' is unknown; {nearest(name[:SHOWN], table)}")


def class_named(kind: str, name: str, table: Mapping[str, str]) -> Any:
    """Return the class of a name.

    Raises:
        UsageError: the table has no such name.
    """
    refuse_unknown_name(kind, name, table)
    return resolve_name(table[name])


def with_third_parties(table: Mapping[str, str], kinds: str) -> dict[str, str]:
    """Return a table with the names of an entry-point group. These come last and cannot replace built-in names.

    Args:
        kinds: the group without its beginning "ddkit.", such as "nets".
    """
    others = {entry.name: entry.value for entry in entry_points(group=f"ddkit.{kinds}")}
    return {**table, **{name: where for name, where in others.items() if name not in table}}


def third_party(kind: str, name: str, where: str, fits: Callable[[Any], bool], wanted: str) -> Any:
    """Return the object that a third party's entry point names.

    Args:
        kind: the noun for one name, such as "net".
        where: "module:Class" of the entry point.
        fits: whether an object is one of this kind.
        wanted: what is wrong with an object that does not fit, such as "is no settings class of a network".

    Raises:
        UsageError: its module cannot be imported, or the object does not fit.
    """
    wrong = f"{kind} '{name}': its entry point '{where}'"
    try:
        found = resolve_name(where)
    except Exception as error:  # the module is not ours: it may raise anything
        raise UsageError(
            f"{wrong} cannot be imported ({reason(error)}); install another version of its package, or remove it"
        ) from error
    if not fits(found):
        raise UsageError(f"{wrong} {wanted}; see CONTRIBUTING.md")
    return found
