"""Bytes and seconds in words."""

LONG = 600.0
"""Work that takes more seconds is announced before it begins."""


def size_text(count: int) -> str:
    """Bytes in words, as 1.4 GiB, 300 MiB or 0.2 MiB."""
    mib = count / 2**20
    if mib >= 1024:
        return f"{mib / 1024:,.1f} GiB"
    return f"{mib:.0f} MiB" if mib >= 10 else f"{mib:.1f} MiB"


def time_text(seconds: float) -> str:
    """Seconds in words, as 12 s, 3.4 min or 5.6 h."""
    if seconds < 100:
        return f"{seconds:.0f} s" if seconds >= 10 or seconds == 0 else f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
