"""Reads picture files into one uint8 tensor. All datasets of pictures are read with it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from PIL import ImageOps
from torch import Tensor

from ddkit.data.conversion import AS_IT_IS, CHANNELS, Changes, Conversion, NotConverted
from ddkit.data.encoded import (
    CONVERT,
    Encoded,
    Header,
    Kind,
    PictureBytes,
    PictureFile,
    Unusable,
    frames,
    header_of,
    orientation,
)
from ddkit.data.problems import Problems
from ddkit.errors import DataError, reason
from ddkit.files import not_a_file, refuse_bomb


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


def read_pictures(files: Sequence[Path], where: str, conversion: Conversion = AS_IT_IS) -> UInt8[Tensor, "n c h w"]:
    """Read the pictures in the order of the files, as `read_encoded` does.

    Args:
        files: at least one.
        where: name of the data in error lines.
        conversion: converts each picture.
    """
    together = f"{where}: '{files[0].parent}' and the other folders"
    pictures = [PictureFile(file) for file in files]
    return read_encoded(pictures, together, where, conversion)[0]


def decoded(encoded: Sequence[bytes], where: str) -> UInt8[Tensor, "n c h w"]:
    """Decode pictures that are not in files of their own, as `read_pictures` does.

    Raises:
        DataError: as for `read_pictures`, or there is no picture.
    """
    if not encoded:
        raise DataError(f"{where}: has no picture; check the file")
    each = [PictureBytes(lambda content=content: content, f"picture {i}") for i, content in enumerate(encoded)]  # type: ignore[misc]
    return read_encoded(each, f"{where}: its pictures", where)[0]


def read_encoded(
    pictures: Sequence[Encoded],
    together: str,
    where: str,
    conversion: Conversion = AS_IT_IS,
    settable: bool = False,
) -> tuple[UInt8[Tensor, "n c h w"], tuple[str, ...]]:
    """Decode pictures, each into its place, so that none is in memory twice.

    A picture is turned by its EXIF orientation, then converted. The headers of all pictures are read first: the size
    that one claims is compared with the size of its file, and that of all with the size of all files, before memory is
    allocated.

    Args:
        pictures: at least one.
        together: name of all pictures in error lines.
        where: name of the data in error lines.
        conversion: converts each picture. Without a side, all must have the same size; without a mode, all must be grey
            (L) or RGB.
        settable: whether the user can set the conversion (data.resize and data.mode), which error lines then suggest.

    Returns:
        The pictures, and a line about what was converted.

    Raises:
        DataError: pictures are not readable, have several frames, or do not agree; the line names them. Or a picture
            claims far more memory than its bytes justify.
    """
    problems = Problems(where, len(pictures), conversion, settable)
    headers = _check_headers(pictures, where, conversion, problems)
    problems.refuse()
    stored = sum(header.stored for header in headers)
    if not conversion:
        refuse_bomb(sum(header.claimed for header in headers), stored, together)
    changes, kinds = Changes(), []
    images = np.empty((0, 0, 0, 0), np.uint8)
    for i, (picture, header) in enumerate(zip(pictures, headers, strict=True)):
        try:
            array, kind = _decoded(picture, header, conversion, changes)
        except Unusable as error:
            problems.add(picture, error)
            continue
        kinds.append((picture, kind))
        if not len(images):
            refuse_bomb(len(pictures) * array.size, stored, together)
            images = np.empty((len(pictures), *array.shape), np.uint8)
        if array.shape == images.shape[1:]:
            images[i] = array
    problems.compare(kinds)
    problems.refuse()
    return torch.from_numpy(images), changes.notes if conversion else ()


def _check_headers(pictures: Sequence[Encoded], where: str, conversion: Conversion, problems: Problems) -> list[Header]:
    """Find the pictures that cannot be used by their headers, so that a large folder is refused soon.

    Return the headers that are readable.
    """
    kinds, headers = [], []
    for picture in pictures:
        try:
            header = header_of(picture, where)
        except Unusable as error:
            problems.add(picture, error)
            continue
        problems.see(header)
        headers.append(header)
        if header.frames > 1:
            problems.add(picture, Unusable.frames(header.frames))
        elif conversion.mode is None and header.kind.mode not in CHANNELS:
            problems.add(picture, Unusable.mode(header.kind.mode))
        else:
            kinds.append((picture, header.kind))
    problems.compare(kinds, sides_in_order=all(header.known for header in headers))
    return headers


def _decoded(
    picture: Encoded, header: Header, conversion: Conversion, changes: Changes
) -> tuple[UInt8[np.ndarray, "c h w"], Kind]:
    """Decode and convert one picture. Return it and its kind."""
    try:
        with picture.open() as opened:
            several, mode = frames(opened), opened.mode
            upright = ImageOps.exif_transpose(opened)
            turned = header.turned or (not header.known and orientation(opened) > 1)
            made = conversion(upright)
            changes.add(turned, upright.size, mode, made)
            kind, array = Kind(made.size, made.mode), np.asarray(made)
    except MemoryError:
        raise
    except NotConverted as error:
        raise Unusable(str(error), CONVERT) from None
    except Exception as error:  # damaged bytes choose what Pillow's many decoders raise
        raise Unusable.unreadable(error) from None
    if several > 1:
        raise Unusable.frames(several)
    if made.mode not in CHANNELS:
        raise Unusable.mode(made.mode)
    return array.reshape(*array.shape[:2], CHANNELS[made.mode]).transpose(2, 0, 1), kind
