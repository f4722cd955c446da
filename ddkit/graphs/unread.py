"""Refuses parts of the user's data that ddkit does not read."""

from collections.abc import Iterable

from ddkit.errors import DataError, nearest


def refuse_unread(found: Iterable[str], known: Iterable[str], where: str, kind: str) -> None:
    """Raise DataError for the first part that is not known. It may be misspelt, and its loss would go unnoticed.

    Args:
        found, known: names of the existing parts, and of those that are read.
        where: name of the data in error lines.
        kind: the word for a part in error lines, such as "array".

    Raises:
        DataError: a part is not read. The line has the nearest known names.
    """
    known = list(known)
    for name in found:
        if name not in known:
            raise DataError(
                f"{where}: has the {kind} '{name}', which ddkit does not read; {nearest(name, known)}; rename or "
                "remove it"
            )
