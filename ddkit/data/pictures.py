"""Reads picture files into one uint8 tensor. All datasets in folders are read with it."""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from PIL import Image, ImageOps
from torch import Tensor

from ddkit.errors import DataError, reason
from ddkit.files import not_a_file, refuse_bomb, stored_bytes

ALWAYS = 32 * 2**20
"""Bytes that a picture may have for any size of its file; decoding needs four times as many."""

NOT_READ = {
    "EPS": "since another program would have to draw it",
    "WMF": "since another program would have to draw it",
    "ICO": "since it has pictures of several sizes",
    "ICNS": "since it has pictures of several sizes",
}
"""Formats that Pillow supports and ddkit refuses, with the reason."""

_CHANNELS = {"L": 1, "RGB": 3}


def visible(folder: Path) -> list[Path]:
    """List the entries of a folder, sorted by name, without names that begin with a dot.

    Raises:
        DataError: the folder cannot be listed.
    """
    try:
        entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    except OSError as error:
        raise DataError(f"folder '{folder}' cannot be listed ({reason(error)}); check that you may read it") from None
    return sorted(entries, key=lambda entry: entry.name)


def files_by_class(folders: Mapping[int, Path], where: str) -> tuple[list[Path], Int64[Tensor, " n"]]:
    """List the files in each label's folder, and the label of each file; label by label, sorted by file name.

    Raises:
        DataError: a folder is missing or empty, or has entries that are not files.
    """
    files: list[Path] = []
    labels: list[int] = []
    for label, folder in folders.items():
        if not folder.is_dir():
            raise DataError(f"{where}: there is no class folder '{folder}'; add it, or unpack the set again")
        inside = visible(folder)
        if not inside:
            raise DataError(f"{where}: class folder '{folder}' is empty; add pictures or remove it")
        for entry in inside:
            if found := not_a_file(entry):
                raise DataError(
                    f"{where}: '{entry}' is {found}, where a picture of class '{folder.name}' should be; move the "
                    "pictures into the class folder, and leave nothing else there"
                )
        files += inside
        labels += [label] * len(inside)
    return files, torch.tensor(labels)


def read_pictures(
    files: Sequence[Path], where: str, fit: Callable[[Image.Image], Image.Image] | None = None
) -> UInt8[Tensor, "n c h w"]:
    """Read the pictures in the order of the files. Each is decoded into its place, so that none is in memory twice.

    A picture is rotated by its EXIF orientation, then passed to `fit`. The size that a file's header claims is compared
    with the size of the file before it is decoded; the size of all pictures is checked before memory is allocated.

    Args:
        files: at least one.
        where: name of the data in error lines.
        fit: converts each picture, for example to RGB or to one size. None: all must have the same mode and size.

    Raises:
        DataError: a file is not a readable picture, claims far more memory than its bytes justify, has several
            pictures, or after `fit` is neither grey (L) nor RGB or differs from the first.
    """
    stored = sum(file.stat().st_size for file in files if not_a_file(file) is None)
    together = f"{where}: '{files[0].parent}' and the other folders"
    return _together([_File(file) for file in files], stored, together, where, fit)


def decoded(encoded: Sequence[bytes], where: str) -> UInt8[Tensor, "n c h w"]:
    """Decode pictures that are not in files of their own, as `read_pictures` does.

    Raises:
        DataError: as for `read_pictures`, or there is no picture.
    """
    if not encoded:
        raise DataError(f"{where}: has no picture; check the file")
    each = [_Bytes(content, f"picture {number}") for number, content in enumerate(encoded)]
    return _together(each, sum(map(len, encoded)), f"{where}: its pictures", where, None)


@dataclass(frozen=True)
class _File:
    """A picture in a file of its own. `str` of it is its name in error lines."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def open(self) -> Image.Image:
        return Image.open(self.path)

    def stored(self) -> int:
        return stored_bytes(self.path)

    def odd(self) -> str | None:
        return not_a_file(self.path)  # opening a pipe would block forever


@dataclass(frozen=True)
class _Bytes:
    """A picture in memory."""

    content: bytes
    name: str

    def __str__(self) -> str:
        return self.name

    def open(self) -> Image.Image:
        return Image.open(io.BytesIO(self.content))

    def stored(self) -> int:
        return len(self.content)

    def odd(self) -> str | None:
        return None


_Encoded = _File | _Bytes


def _together(
    pictures: Sequence[_Encoded],
    stored: int,
    together: str,
    where: str,
    fit: Callable[[Image.Image], Image.Image] | None,
) -> UInt8[Tensor, "n c h w"]:
    """Decode pictures, of `stored` bytes on the disk; `together` names them all in error lines."""
    if fit is None:
        refuse_bomb(len(pictures) * _claimed(pictures[0], where), stored, together)
    first, wanted = _picture(pictures[0], where, fit)
    refuse_bomb(len(pictures) * first.size, stored, together)
    images = np.empty((len(pictures), *first.shape), np.uint8)
    for i, picture in enumerate(pictures):
        image, kind = _picture(picture, where, fit)
        if kind != wanted:
            raise DataError(
                f"{where}: '{picture}' is {kind} but the first picture, '{pictures[0]}', is {wanted}; "
                f"convert all to one size and mode"
            )
        images[i] = image
    return torch.from_numpy(images)


def _claimed(file: _Encoded, where: str) -> int:
    """Return the bytes of a picture according to its header, without decoding it.

    Raises:
        DataError: the file is not a picture, or claims more bytes than its size justifies.
    """
    if odd := file.odd():
        raise DataError(f"{where}: '{file}' is not a readable picture (it is {odd}); repair or remove it")
    try:
        with file.open() as opened:
            if opened.format in NOT_READ:
                raise ValueError(f"{opened.format} is not read, {NOT_READ[opened.format]}; save it as PNG")
            claimed = opened.width * opened.height * len(opened.getbands())
            size = f"{opened.width} x {opened.height} pixels"
    except MemoryError:
        raise
    except Exception as error:  # damaged bytes choose what Pillow's many decoders raise
        raise DataError(f"{where}: '{file}' is not a readable picture ({reason(error)}); repair or remove it") from None
    refuse_bomb(claimed, file.stored(), f"{where}: '{file}', {size},", always=ALWAYS)
    return claimed


def _picture(
    file: _Encoded, where: str, fit: Callable[[Image.Image], Image.Image] | None
) -> tuple[UInt8[np.ndarray, "c h w"], str]:
    """Read one picture. Return it, and its size and mode in words."""
    _claimed(file, where)
    try:
        with file.open() as opened:
            frames = 1 if opened.format == "MPO" else getattr(opened, "n_frames", 1)  # a camera's MPO has a preview
            upright = ImageOps.exif_transpose(opened)
            picture = fit(upright) if fit else upright
            mode, kind = picture.mode, f"{picture.width} x {picture.height} {picture.mode}"
            array = np.asarray(picture)
    except MemoryError:
        raise
    except Exception as error:  # damaged bytes choose what Pillow's many decoders raise
        raise DataError(f"{where}: '{file}' is not a readable picture ({reason(error)}); repair or remove it") from None
    if frames > 1:
        raise DataError(f"{where}: '{file}' has {frames} pictures; save one of them as a file")
    if mode not in _CHANNELS:
        raise DataError(f"{where}: '{file}' has mode {mode}; convert the pictures to RGB, or to grey (mode L)")
    return array.reshape(*array.shape[:2], _CHANNELS[mode]).transpose(2, 0, 1), kind
