"""Which image sizes a network takes: the field's widening of 28-pixel images, and a clear line for the impossible."""

from __future__ import annotations

from ddkit.errors import UsageError


def widen(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """Extra padding of the first convolution, and the height and width that the rest of the network then sees.

    Gray images of 28 pixels (MNIST and its relatives) get two more pixels of padding on each side and so become 32
    pixels wide, as in the field's code. That code pads every gray image; here other sizes are left as they are.
    """
    _, height, width = shape
    return (2, 32, 32) if shape == (1, 28, 28) else (0, height, width)


def require(net: str, height: int, width: int, least: int, fix: str) -> None:
    """Refuse images of fewer than `least` pixels on a side.

    Raises:
        UsageError: one line that names the net, both sizes and the fix.
    """
    if min(height, width) < least:
        raise UsageError(f"{net}: needs images of at least {least}x{least} pixels, got {height}x{width}; {fix}")
