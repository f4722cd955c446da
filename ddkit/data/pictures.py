"""Picture files into one uint8 tensor: what every dataset that lies in folders is read with."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from PIL import Image, ImageOps
from torch import Tensor

from ddkit.errors import DataError, reason
from ddkit.files import not_a_file, refuse_bomb, stored_bytes

ALWAYS = 32 * 2**20
"""Bytes that any picture may take, however small its file is; decoding takes four times as many."""

NOT_READ = {
    "EPS": "as another program would have to draw it",
    "WMF": "as another program would have to draw it",
    "ICO": "as it holds pictures of several sizes",
    "ICNS": "as it holds pictures of several sizes",
}
"""Formats that Pillow knows and ddkit refuses, and why."""

_CHANNELS = {"L": 1, "RGB": 3}


def visible(folder: Path) -> list[Path]:
    """What lies in the folder, by name; names that begin with a dot are passed over.

    Raises:
        DataError: the folder cannot be listed.
    """
    try:
        entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    except OSError as error:
        raise DataError(f"folder '{folder}' cannot be listed ({reason(error)}); check that you may read it") from None
    return sorted(entries, key=lambda entry: entry.name)


def files_by_class(folders: Mapping[int, Path], where: str) -> tuple[list[Path], Int64[Tensor, " n"]]:
    """The files in each label's folder, and the label of each file; label by label, by file name.

    Raises:
        DataError: a folder is missing or empty, or holds something else than files.
    """
    files: list[Path] = []
    labels: list[int] = []
    for label, folder in folders.items():
        if not folder.is_dir():
            raise DataError(f"{where}: there is no class folder '{folder}'; add it, or unpack the set anew")
        inside = visible(folder)
        if not inside:
            raise DataError(f"{where}: class folder '{folder}' is empty; add pictures or remove it")
        for entry in inside:
            if found := not_a_file(entry):
                raise DataError(
                    f"{where}: '{entry}' is {found}, where a picture of class '{folder.name}' should lie; move the "
                    "pictures into the class folder, and leave nothing else there"
                )
        files += inside
        labels += [label] * len(inside)
    return files, torch.tensor(labels)


def read_pictures(
    files: Sequence[Path], where: str, fit: Callable[[Image.Image], Image.Image] | None = None
) -> UInt8[Tensor, "n c h w"]:
    """The pictures in the order of the files, decoded one by one into their places: none is held twice.

    A picture stands as its EXIF orientation says, before `fit` sees it. What a file's header claims is held against the
    size of the file before it is decoded, and what all pictures take together before there is room made for them.

    Args:
        files: at least one.
        where: what an error line calls the data.
        fit: makes each picture what the set wants it to be, such as RGB or of one size; None: all must be alike.

    Raises:
        DataError: a file is no readable picture, would take far more memory than it has bytes, holds several, or after
            `fit` is neither grey (L) nor RGB or differs from the first.
    """
    stored = sum(file.stat().st_size for file in files if not_a_file(file) is None)
    together = f"{where}: '{files[0].parent}' and what is read beside it"
    if fit is None:
        refuse_bomb(len(files) * _claimed(files[0], where), stored, together)
    first, wanted = _picture(files[0], where, fit)
    refuse_bomb(len(files) * first.size, stored, together)
    images = np.empty((len(files), *first.shape), np.uint8)
    for i, file in enumerate(files):
        image, kind = _picture(file, where, fit)
        if kind != wanted:
            raise DataError(
                f"{where}: '{file}' is {kind} but the first picture, '{files[0]}', is {wanted}; "
                f"convert all to one size and mode"
            )
        images[i] = image
    return torch.from_numpy(images)


def _claimed(file: Path, where: str) -> int:
    """Bytes that a picture takes as its header says; nothing is decoded.

    Raises:
        DataError: it is no picture, or more than the file can honestly hold.
    """
    if odd := not_a_file(file):  # opening a pipe would wait for ever
        raise DataError(f"{where}: '{file}' is not a readable picture (it is {odd}); repair or remove it")
    try:
        with Image.open(file) as opened:
            if opened.format in NOT_READ:
                raise ValueError(f"{opened.format} is not read, {NOT_READ[opened.format]}; save it as PNG")
            claimed = opened.width * opened.height * len(opened.getbands())
            size = f"{opened.width} x {opened.height} pixels"
    except MemoryError:
        raise
    except Exception as error:  # damaged bytes choose what Pillow's many decoders raise
        raise DataError(f"{where}: '{file}' is not a readable picture ({reason(error)}); repair or remove it") from None
    refuse_bomb(claimed, stored_bytes(file), f"{where}: '{file}', {size},", always=ALWAYS)
    return claimed


def _picture(
    file: Path, where: str, fit: Callable[[Image.Image], Image.Image] | None
) -> tuple[UInt8[np.ndarray, "c h w"], str]:
    """One picture, and its size and mode in words."""
    _claimed(file, where)
    try:
        with Image.open(file) as opened:
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
        raise DataError(f"{where}: '{file}' holds {frames} pictures; save the one that is meant")
    if mode not in _CHANNELS:
        raise DataError(f"{where}: '{file}' has mode {mode}; convert the pictures to RGB, or to grey (mode L)")
    return array.reshape(*array.shape[:2], _CHANNELS[mode]).transpose(2, 0, 1), kind
