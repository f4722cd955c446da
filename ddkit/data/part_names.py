"""Names that users give to the parts of a dataset."""

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
