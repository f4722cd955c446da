"""A method's state on disk: tensors and plain numbers, never pickled objects.

The file is sealed (`ddkit.run.sealed`), since torch's reader checks no checksum. The payload is a zip of torch tensors:
`iteration`, `state`, and `run`, a text that identifies runs whose states are compatible. Checkpoints of earlier
versions have no seal and no `run`; they are read with a warning.
"""

import dataclasses
import pickle
import types
import typing
import warnings
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import torch

from ddkit.errors import DataError, DDKitWarning, reason
from ddkit.run.sealed import atomic_sealed, check_seal, payload
from ddkit.torch_file import refuse_packed

_DAMAGE = (  # all errors that damaged or foreign files raise
    *(OSError, EOFError, RuntimeError, LookupError, ValueError, TypeError, AttributeError, AssertionError, MemoryError),
    *(pickle.UnpicklingError, zipfile.BadZipFile),
)
_ZIP = b"PK\x03\x04"
"""First bytes of a checkpoint of an earlier version."""


def write_checkpoint(path: Path, iteration: int, state: Any, run: str = "") -> None:
    """Write a state (a dataclass of tensors, plain numbers and further such dataclasses) atomically."""
    with atomic_sealed(path) as image:
        pack_state(image, iteration, state, run)


def pack_state(file: BytesIO, iteration: int, state: Any, run: str = "") -> None:
    """Write the content of a checkpoint to a file or into memory."""
    torch.save({"iteration": iteration, "state": _to_tables(state), "run": run}, file)


def unpack_state(file: BytesIO, state_class: type, device: torch.device) -> tuple[int, Any, str]:
    """Return (iteration, state, run) as `pack_state` of another rank of this run wrote them."""
    tables = torch.load(file, map_location=device, weights_only=True)
    return tables["iteration"], _from_tables(state_class, tables["state"]), tables["run"]


def checkpoint_iteration(path: Path) -> int:
    """Return the number of iterations done when the checkpoint was written.

    Raises:
        DataError: the file is missing or damaged.
    """
    iteration: int = _load(path, "cpu")["iteration"]
    return iteration


def read_checkpoint(
    path: Path, state_class: type, device: torch.device | str = "cpu", *, run: str = "", iterations: int | None = None
) -> tuple[int, Any]:
    """Return (iteration, state) as `write_checkpoint` stored them.

    Args:
        path: the file.
        state_class: the class of the method's state.
        device: the device of the returned tensors.
        run: the `run` given to `write_checkpoint`; "" accepts any.
        iterations: number of iterations of the run. A checkpoint with more is refused.

    Raises:
        DataError: the file is missing or damaged, or belongs to another kind of state or another run.
    """
    tables = _load(path, device, warn=True)
    done, theirs = tables["iteration"], tables.get("run", "")
    if run and theirs and theirs != run:
        raise DataError(f"checkpoint '{path}': belongs to another run, of other data or settings; choose another --out")
    try:
        state = _from_tables(state_class, tables["state"])
    except _DAMAGE:
        raise DataError(f"checkpoint '{path}': belongs to another method; choose another --out") from None
    if iterations is not None and done > iterations:
        raise DataError(
            f"checkpoint '{path}': {done:,} iterations are done, and the run has {iterations:,}; raise "
            "method.iterations, or choose another --out"
        )
    return done, state


def _load(path: Path, device: torch.device | str, warn: bool = False) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            sealed = check_seal(file) is not None
            content = _content(file, sealed)
            refuse_packed(content)
            tables: dict[str, Any] = torch.load(content, map_location=device, weights_only=True)
        done = tables.get("iteration") if isinstance(tables, dict) else None
        if not isinstance(done, int) or isinstance(done, bool) or done < 0:
            raise ValueError("no checkpoint")
    except FileNotFoundError:
        raise DataError(f"checkpoint '{path}': does not exist; run without --resume") from None
    except OSError as error:
        raise DataError(f"checkpoint '{path}': cannot be read ({reason(error)}); correct its permissions") from None
    except _DAMAGE:  # torch's messages ("internal miniz error") do not help a user
        raise DataError(f"checkpoint '{path}': is damaged; delete it and run with --resume to begin anew") from None
    if warn and not sealed:
        warnings.warn(
            f"checkpoint '{path}': carries no digest, as an earlier version of ddkit wrote it, so that damage can go "
            "unnoticed; the next one has one",
            DDKitWarning,
            stacklevel=3,
        )
    return tables


def _content(file: BinaryIO, sealed: bool) -> Any:
    """Return the part of an open file that torch reads.

    Raises:
        ValueError: the file is neither sealed nor a checkpoint of an earlier version.
    """
    if sealed:
        return payload(file)
    file.seek(0)
    if file.read(len(_ZIP)) != _ZIP:
        raise ValueError("no checkpoint")
    file.seek(0)
    return file


def _to_tables(state: Any) -> Any:
    if dataclasses.is_dataclass(state):
        return {f.name: _to_tables(getattr(state, f.name)) for f in dataclasses.fields(state)}
    return state


def _from_tables(cls: type, tables: dict[str, Any]) -> Any:
    """Build a state of class `cls`.

    Raises:
        TypeError: a field is missing, unknown or of another type than in the class.
    """
    kinds = typing.get_type_hints(cls)
    values = {}
    for name, value in tables.items():
        kind = kinds[name]
        if isinstance(kind, type) and dataclasses.is_dataclass(kind):
            value = _from_tables(kind, value)
        elif not _is(value, kind):
            raise TypeError(f"'{name}' is {type(value).__name__}")
        values[name] = value
    return cls(**values)


def _is(value: Any, kind: Any) -> bool:
    """Return whether a value has a type, or one of a union. Other type hints are not checked."""
    if isinstance(kind, types.UnionType):
        return any(_is(value, each) for each in kind.__args__)
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return not isinstance(kind, type) or isinstance(value, kind)
