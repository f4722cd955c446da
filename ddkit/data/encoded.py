"""Encoded pictures: where their bytes are, and what their headers say. Nothing here decodes a picture."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from PIL import Image, UnidentifiedImageError

from ddkit.errors import reason
from ddkit.files import not_a_file, refuse_bomb, stored_bytes
from ddkit.toml import shortened

ALWAYS = 32 * 2**20
"""Bytes that a picture may have for any size of its file; decoding needs four times as many."""

NOT_READ = {
    "EPS": "since another program would have to draw it",
    "WMF": "since another program would have to draw it",
    "ICO": "since it has pictures of several sizes",
    "ICNS": "since it has pictures of several sizes",
}
"""Formats that Pillow supports and ddkit refuses, with the reason."""

_ORIENTATION = 0x0112


REPAIR = "repair or remove what is not readable"
SAVE_ONE = "save one of them as a file"
CONVERT = "convert them to one size and one mode, RGB or grey (L)"


class Unusable(Exception):
    """A picture cannot be used. The text completes "'FILE' ..."; `fix` is REPAIR, SAVE_ONE or CONVERT."""

    def __init__(self, text: str, fix: str = REPAIR) -> None:
        super().__init__(text)
        self.fix = fix

    @classmethod
    def unreadable(cls, why: str | Exception) -> "Unusable":
        if isinstance(why, UnidentifiedImageError):  # its text repeats the path
            why = "it has no format that Pillow knows"
        text = why if isinstance(why, str) else reason(why)
        return cls(f"is not a readable picture ({shortened(text, 120)})")

    @classmethod
    def frames(cls, count: int) -> "Unusable":
        return cls(f"has {count} pictures", SAVE_ONE)

    @classmethod
    def mode(cls, mode: str) -> "Unusable":
        return cls(f"has mode {mode}", CONVERT)


class Kind(NamedTuple):
    """Width, height and mode of a picture."""

    size: tuple[int, int]
    mode: str


@dataclass(frozen=True)
class PictureFile:
    """A picture in a file of its own. `str` of it is its name in error lines."""

    path: Path
    name: str = ""

    def __str__(self) -> str:
        return self.name or str(self.path)

    def open(self) -> Image.Image:
        opened = Image.open(self.path)
        opened.filename = ""  # else Pillow maps the file into memory, and mixes up the pixels of a turned TIFF
        return opened

    def stored(self) -> int:
        return stored_bytes(self.path)

    def odd(self) -> str | None:
        return not_a_file(self.path)  # opening a pipe would block forever


@dataclass(frozen=True)
class PictureBytes:
    """A picture whose bytes a function returns, so that they need not be in memory."""

    content: Callable[[], bytes]
    name: str

    def __str__(self) -> str:
        return self.name

    def open(self) -> Image.Image:
        return Image.open(io.BytesIO(self.content()))

    def stored(self) -> int:
        return len(self.content())

    def odd(self) -> str | None:
        return None


Encoded = PictureFile | PictureBytes


@dataclass(frozen=True)
class Header:
    """What the header of a picture says.

    Attributes:
        kind: the orientation is applied to its size, if it is known.
        turned: whether the orientation turns or mirrors the picture, if it is known.
        known: whether the orientation is known. In a PNG it may stand behind the pixels.
        claimed: bytes of the decoded picture.
        stored: bytes of the encoded one.
    """

    kind: Kind
    frames: int
    turned: bool
    known: bool
    claimed: int
    stored: int


def header_of(picture: Encoded, where: str) -> Header:
    """Read the header of a picture.

    Raises:
        Unusable: it is not a picture.
        DataError: it claims more bytes than its file justifies.
    """
    if odd := picture.odd():
        raise Unusable.unreadable(f"it is {odd}")
    try:
        with picture.open() as opened:
            if opened.format in NOT_READ:
                raise ValueError(f"{opened.format} is not read, {NOT_READ[opened.format]}; save it as PNG")
            known = opened.format != "PNG" or "exif" in opened.info  # else Pillow would decode it to find the EXIF
            turn = orientation(opened) if known else 1
            header = Header(
                kind=Kind(opened.size[::-1] if turn > 4 and opened.format != "TIFF" else opened.size, opened.mode),
                frames=frames(opened),
                turned=turn > 1,
                known=known,
                claimed=opened.width * opened.height * len(opened.getbands()),
                stored=picture.stored(),
            )
            size = f"{opened.width} x {opened.height} pixels"
    except MemoryError:
        raise
    except Exception as error:  # damaged bytes choose what Pillow's many decoders raise
        raise Unusable.unreadable(error) from None
    refuse_bomb(header.claimed, header.stored, f"{where}: '{picture}', {size},", always=ALWAYS)
    return header


def frames(opened: Image.Image) -> int:
    """Return the number of pictures in an open file. A camera's MPO has a preview, which does not count."""
    return 1 if opened.format == "MPO" else getattr(opened, "n_frames", 1)


def orientation(opened: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1 if there is none."""
    found = opened.getexif().get(_ORIENTATION, 1)
    return found if found in range(1, 9) else 1
