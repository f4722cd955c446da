"""Numbers labels that are texts, or whole numbers that do not count from 0."""

from collections.abc import Sequence


def class_names_of(labels: Sequence[str]) -> tuple[str, ...]:
    """Return the different labels in order: by value if all are whole numbers, else by name.

    Example:
        >>> class_names_of(["10", "9", "9"])
        ('9', '10')
    """
    names = sorted(set(labels))
    return tuple(sorted(names, key=int) if all(_is_whole(name) for name in names) else names)


def numbering_note(names: Sequence[str]) -> tuple[str, ...]:
    """Return a line for the user if the names are whole numbers that do not count from 0."""
    if not all(_is_whole(name) for name in names) or [int(name) for name in names] == list(range(len(names))):
        return ()
    listed = ", ".join(names[:3]) + ", ..." * (len(names) > 3)
    return (f"the labels {listed} are numbered from 0 to {len(names) - 1}, and kept as names of the classes",)


def _is_whole(text: str) -> bool:
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdigit() and str(int(digits)) == digits and len(digits) < 20
