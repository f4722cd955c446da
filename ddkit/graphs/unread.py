"""Parts of the user's data that no reader would open."""

from collections.abc import Iterable

from ddkit.errors import DataError, nearest


def refuse_unread(found: Iterable[str], known: Iterable[str], where: str, kind: str) -> None:
    """Raise for the first part that is not known: it may be a misspelt one, whose loss nobody would see.

    Args:
        found, known: names of the parts that are there, and of those that are read.
        where: what an error line calls the data.
        kind: what a part is called, such as "array".

    Raises:
        DataError: a part that is not read, with the nearest names of those that are.
    """
    known = list(known)
    for name in found:
        if name not in known:
            raise DataError(
                f"{where}: has the {kind} '{name}', which ddkit does not read; {nearest(name, known)}; rename or "
                "remove it"
            )
