"""Reads files of `torch.save` that others made: tensors and plain values. No code in them is run."""

import io
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ddkit.errors import DataError, reason
from ddkit.files import not_a_file, refuse_bomb, stored_bytes
from ddkit.torch_file import refuse_packed, tensor_bytes

_SCALAR: Any = np.float64(0).__reduce__()[0]
PLAIN: list[Any] = [
    (_SCALAR, "numpy.core.multiarray.scalar"),  # its name before NumPy 2
    (_SCALAR, "numpy._core.multiarray.scalar"),
    np.dtype,
    *(type(np.dtype(kind)) for kind in ("f8", "f4", "f2", "i8", "i4", "u1", "?")),
]
"""What a file may name beside torch's own tensors: NumPy's scalars of plain numbers, such as stored accuracies."""

FLOATS_OF_A_BYTE = (torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz)

DEEPEST = 8
"""Most lists and tables inside each other. Releases have three."""

MOST_VALUES = 1_000_000
"""Most values of one file. Releases have some hundred."""


def read_torch(path: Path, where: str) -> Any:
    """Read the object in a file of `torch.save`. Tensors are on the CPU, dense, and need no gradient.

    Raises:
        DataError: the file is damaged or missing, has objects that need code, or claims more memory than its bytes
            justify.
    """
    if odd := not_a_file(path):
        raise DataError(f"{where}: cannot be read ('{path.name}' is {odd}); check the path")
    try:
        refuse_packed(path)
        with torch.serialization.safe_globals(PLAIN), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about old versions of pickle
            found = torch.load(io.BytesIO(path.read_bytes()), map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # torch and zipfile raise any error for damaged bytes
        raise _refused(error, path, where) from None
    values = list(_values(found, where))
    tensors = [value for value in values if isinstance(value, Tensor)]
    if any(tensor.layout != torch.strided or tensor.is_quantized for tensor in tensors):
        raise DataError(f"{where}: has a sparse or quantised tensor; save it again as a dense one")
    refuse_bomb(tensor_bytes(tensors), stored_bytes(path), f"{where}: '{path.name}'")
    return _plain(found)


def _refused(error: Exception, path: Path, where: str) -> DataError:
    """The line for a file that torch refuses."""
    text = str(error)
    if "Unsupported" in text or "GLOBAL" in text or "WeightsUnpickler" in text:
        named = text.partition("GLOBAL ")[2].split()
        what = f"'{named[0]}'" if named else reason(error)[:80]
        return DataError(
            f"{where}: its pickle needs {what}, and ddkit runs no code of a file; save tensors and plain numbers "
            "again with torch.save"
        )
    kind = "is no whole archive" if isinstance(error, zipfile.BadZipFile | EOFError) else reason(error)[:100]
    return DataError(
        f"{where}: is no readable file of torch.save ({kind}; {path.stat().st_size:,} bytes); it is damaged or cut "
        "off, so download it again"
    )


def _values(value: Any, where: str, depth: int = 0) -> Iterator[Any]:
    """All values in lists and tables.

    Raises:
        DataError: there are too many, or lists are too deep.
    """
    waiting, count = [(value, 0)], 0
    while waiting:
        inner, depth = waiting.pop()
        count += 1
        if count > MOST_VALUES or depth > DEEPEST:
            raise DataError(f"{where}: has more values, or deeper lists, than any release; check the file")
        if isinstance(inner, dict):
            waiting += [(each, depth + 1) for each in inner.values()]
        elif isinstance(inner, list | tuple):
            waiting += [(each, depth + 1) for each in inner]
        else:
            yield inner


def _plain(value: Any) -> Any:
    """The same object with tensors without gradients, of a type that torch computes with, and plain tuples."""
    if isinstance(value, Tensor):
        if value.dtype in (torch.uint16, torch.uint32, torch.uint64):
            return value.long()
        return value.detach().float() if value.dtype in FLOATS_OF_A_BYTE else value.detach().clone()
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
