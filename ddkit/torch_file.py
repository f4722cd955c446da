"""Checks of `torch.save` files: the sizes that they claim, compared with their bytes. No code in them is run."""

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import torch


def refuse_packed(file: Path | BinaryIO | io.RawIOBase) -> None:
    """Check that an archive does not unpack to more bytes than it has.

    torch.save does not compress, but torch.load would unpack a compressed archive completely.

    Args:
        file: a path, or an open file, which is rewound to its beginning. A file that is not an archive is accepted.

    Raises:
        ValueError: the archive is compressed, or its parts share their bytes.
        zipfile.BadZipFile: the file begins as an archive, but is not one.
    """
    if isinstance(file, Path):
        with file.open("rb") as opened:
            return refuse_packed(opened)
    file.seek(0)
    if file.read(2) == b"PK":
        with zipfile.ZipFile(file) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > file.seek(0, 2):
            raise ValueError(f"it unpacks to {unpacked:,} bytes, but torch.save does not compress")
    file.seek(0)


def tensor_bytes(values: Iterable[Any]) -> int:
    """Return the bytes of the tensors among these values, with views written out.

    A view may repeat one number many times.

    Example:
        >>> tensor_bytes([torch.zeros(1).expand(1000), "a text"])
        4000
    """
    return sum(value.numel() * value.element_size() for value in values if isinstance(value, torch.Tensor))
