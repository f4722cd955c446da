"""Files of `torch.save`: what their tensors claim, against what is there. Nothing in them is run."""

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import torch


def refuse_packed(file: Path | BinaryIO | io.RawIOBase) -> None:
    """Raise if an archive unpacks to more bytes than it has: torch would unpack all of them, and itself packs nothing.

    Args:
        file: a path, or an open file, which is left at its beginning. What is no archive passes.

    Raises:
        ValueError: it is packed, or its parts share their bytes.
        zipfile.BadZipFile: it begins as an archive and is none.
    """
    if isinstance(file, Path):
        with file.open("rb") as opened:
            return refuse_packed(opened)
    file.seek(0)
    if file.read(2) == b"PK":
        with zipfile.ZipFile(file) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > file.seek(0, 2):
            raise ValueError(f"it unpacks to {unpacked:,} bytes, and torch.save packs nothing")
    file.seek(0)


def tensor_bytes(values: Iterable[Any]) -> int:
    """Bytes that the tensors among these take once they are written out: a view may say that one number stands in many
    places.

    Example:
        >>> tensor_bytes([torch.zeros(1).expand(1000), "a text"])
        4000
    """
    return sum(value.numel() * value.element_size() for value in values if isinstance(value, torch.Tensor))
