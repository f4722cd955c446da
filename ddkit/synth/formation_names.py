"""The names of packed sets and of rivals packed alike, in tables (see `ddkit.synth.packing`)."""

import re


def formation_suffix(formation: int | None) -> str:
    """The end of the name of a method or set: "+2x2" if its images are packed 2 x 2; "" if they are whole.

    Example:
        >>> formation_suffix(2), formation_suffix(None)
        ('+2x2', '')
    """
    return "" if formation in (None, 1) else f"+{formation}x{formation}"


def packed_rival(name: str, formation: int | None) -> str:
    """The name of a row of real images that are packed, or `name` if they are whole.

    Example:
        >>> packed_rival("random-real", 2)
        'random-real, packed 2x2'
    """
    return name if formation in (None, 1) else f"{name}, packed {formation}x{formation}"


def formation_of(title: str) -> int | None:
    """The formation that the name of a set or of a recipe in a table states; None if its images are whole.

    Example:
        >>> formation_of("mtt+fyi+2x2"), formation_of("mtt-digits-ipc1-3x3, flips 0.5"), formation_of("mtt")
        (2, 3, None)
    """
    found = re.search(r"(?:\+(?P<k>\d+)x(?P=k)|-(?P<digit>\d)x(?P=digit))(?=$|,)", title)
    return int(found["k"] or found["digit"]) if found else None
