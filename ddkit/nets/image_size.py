"""Image sizes of networks: the usual padding of 28-pixel images, and the error for images that are too small."""

from __future__ import annotations

from ddkit.errors import UsageError


def widen(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return the extra padding of the first convolution, and the height and width of its output.

    Grey images of 28 pixels (MNIST and similar) get two more pixels of padding on each side and become 32 pixels wide,
    as in published code. That code pads every grey image; here other sizes are unchanged.
    """
    _, height, width = shape
    return (2, 32, 32) if shape == (1, 28, 28) else (0, height, width)


def require(net: str, height: int, width: int, least: int, fix: str) -> None:
    """Check that images have at least `least` pixels on each side.

    Raises:
        UsageError: they are smaller. The line has the net, both sizes and the fix.
    """
    if min(height, width) < least:
        raise UsageError(f"{net}: needs images of at least {least}x{least} pixels, got {height}x{width}; {fix}")
