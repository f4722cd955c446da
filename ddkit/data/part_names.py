"""Names that users give to the parts of a dataset."""

from typing import TypeVar

T = TypeVar("T")

PART_NAMES = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
"""Part -> its names, in any case."""


def part_of(name: str) -> str | None:
    """Return the part of a name, or None if it is not the name of a part.

    Example:
        >>> part_of("Valid"), part_of("cat")
        ('validation', None)
    """
    return next((part for part, names in PART_NAMES.items() if name.lower() in names), None)


def validation_as_test(parts: dict[str, T]) -> dict[str, T]:
    """Return the parts in the order train, validation, test. The validation part is the test part if there is no other.

    Example:
        >>> validation_as_test({"validation": 1, "train": 2})
        {'train': 2, 'test': 1}
    """
    if "validation" in parts and "test" not in parts:
        parts = {"test" if part == "validation" else part: own for part, own in parts.items()}
    return {part: parts[part] for part in PART_NAMES if part in parts}
