"""What users call the parts of a dataset."""

PART_NAMES = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
"""Part -> the names that stand for it, in whatever case."""


def part_of(name: str) -> str | None:
    """The part that a name stands for; None: it stands for none.

    Example:
        >>> part_of("Valid"), part_of("cat")
        ('validation', None)
    """
    return next((part for part, names in PART_NAMES.items() if name.lower() in names), None)
