"""Tables of name -> "module:Class". A class is imported when it is looked up, so names are listed without torch."""

from collections.abc import Mapping
from pkgutil import resolve_name
from typing import Any

from ddkit.errors import UsageError, nearest
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
