"""Converts pictures to one size and one mode, and counts what was converted."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

from ddkit.errors import counted

CHANNELS = {"L": 1, "RGB": 3}
"""Modes of pictures that ddkit keeps, and their channels."""

GREY = ("1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N")
"""Modes without colours."""

_DEEP = ("I;16", "I;16L", "I;16B", "I;16N")
_TRANSPARENT = ("LA", "La", "PA", "RGBA", "RGBa")
_CONVERTED = (*GREY, "RGB", "RGBA", "RGBa", "RGBX", "P", "PA", "CMYK", "YCbCr", "HSV")


class NotConverted(ValueError):
    """A picture has a mode that cannot be converted; the text completes "'FILE' ..."."""


@dataclass(frozen=True)
class Conversion:
    """How pictures are converted. The default changes nothing.

    Attributes:
        side: both sides of the result in pixels. The shorter side of a picture is resized to it (bicubic, antialiased,
            same aspect ratio), and the centre is kept. None: the size stays.
        mode: "RGB" or "L" (grey, by ITU-R 601). Transparent pictures are put on white, and 16 bits a pixel are scaled
            to 8. None: the mode stays.
    """

    side: int | None = None
    mode: str | None = None

    def __call__(self, picture: Image.Image) -> Image.Image:
        """Convert one picture, which is upright.

        Raises:
            NotConverted: the picture has a mode without a rule.
        """
        if self.mode is not None:
            picture = _with_mode(picture, self.mode)
        if self.side is not None and picture.size != (self.side, self.side):
            picture = ImageOps.fit(picture, (self.side, self.side), Image.Resampling.BICUBIC)
        return picture

    def __bool__(self) -> bool:
        return self != AS_IT_IS


AS_IT_IS = Conversion()
"""The conversion that changes nothing."""


def _with_mode(picture: Image.Image, mode: str) -> Image.Image:
    if picture.mode not in _CONVERTED:
        raise NotConverted(f"has mode {picture.mode}, which has no rule; save it with 8 or 16 bits a channel")
    if picture.mode in _DEEP:
        deep = np.asarray(picture).astype(np.uint32)
        picture = Image.fromarray(((deep * 255 + 32767) // 65535).astype(np.uint8))
    if picture.mode in _TRANSPARENT or "transparency" in picture.info:
        over = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", over.size, "white"), over).convert("RGB")
    if picture.mode == mode:
        return picture
    return picture.convert(mode) if picture.mode in GREY else picture.convert("RGB").convert(mode)


class Changes:
    """Counts how pictures were converted."""

    def __init__(self) -> None:
        self._pictures, self._changed, self._ways = 0, 0, Counter[str]()

    def add(self, turned: bool, before: tuple[int, int], mode: str, after: Image.Image) -> None:
        """Count one picture.

        Args:
            turned: whether its EXIF orientation turned it.
            before: width and height when it was upright.
            mode: its mode in the file.
            after: the converted picture.
        """
        ways = ["turned upright"] * turned
        if before != after.size:
            smaller = "made smaller" if min(before) >= min(after.size) else "enlarged"
            ways.append(f"{smaller} to {after.width} x {after.height}")
        if mode != after.mode:
            over = " on white" * (mode in _TRANSPARENT) + " scaled" * (mode in _DEEP)
            ways.append(f"from {mode}{over} to {after.mode}")
        self._pictures += 1
        self._changed += bool(ways)
        self._ways.update(ways)

    @property
    def notes(self) -> tuple[str, ...]:
        """One line for the user; none if no picture changed."""
        if not self._changed:
            return ()
        ways = ", ".join(f"{count:,} {way}" for way, count in self._ways.most_common())
        return (f"converted {self._changed:,} of {counted(self._pictures, 'picture')}: {ways}",)
