"""A method's state on disk: tensors and plain numbers, never pickled objects."""

import dataclasses
import io
import pickle
import typing
from pathlib import Path
from typing import Any

import torch

from ddkit.errors import DataError
from ddkit.run.atomic import atomic_write

_DAMAGE = (  # all that a damaged or foreign file was seen to raise
    *(OSError, EOFError, RuntimeError, LookupError, ValueError, TypeError, AttributeError),
    pickle.UnpicklingError,
)


def write_checkpoint(path: Path, iteration: int, state: Any) -> None:
    """Write a state (a dataclass of tensors, plain numbers and further such dataclasses) atomically."""
    image = io.BytesIO()  # in memory first: what torch.save makes of a full disk tells nobody that the disk is full
    torch.save({"iteration": iteration, "state": _to_tables(state)}, image)
    with atomic_write(path) as temporary:
        temporary.write_bytes(image.getbuffer())


def checkpoint_iteration(path: Path) -> int:
    """How many iterations were done when the checkpoint was written.

    Raises:
        DataError: the file is missing or damaged.
    """
    return int(_load(path, "cpu")["iteration"])


def read_checkpoint(path: Path, state_class: type, device: torch.device | str = "cpu") -> tuple[int, Any]:
    """(iteration, state) as `write_checkpoint` stored them, all tensors on `device`.

    Raises:
        DataError: the file is missing, damaged, or belongs to another kind of state.
    """
    tables = _load(path, device)
    try:
        return tables["iteration"], _from_tables(state_class, tables["state"])
    except _DAMAGE:
        raise DataError(f"checkpoint '{path}': belongs to another method; choose another --out") from None


def _load(path: Path, device: torch.device | str) -> dict[str, Any]:
    try:
        tables = torch.load(path, map_location=device, weights_only=True)
        if not isinstance(tables, dict) or not isinstance(tables.get("iteration"), int):
            raise ValueError("no checkpoint")
        return tables
    except FileNotFoundError:
        raise DataError(f"checkpoint '{path}': does not exist; run without --resume") from None
    except _DAMAGE:  # torch's own words ("internal miniz error") would help nobody
        raise DataError(f"checkpoint '{path}': is damaged; delete it and run with --resume to begin anew") from None


def _to_tables(state: Any) -> Any:
    if dataclasses.is_dataclass(state):
        return {f.name: _to_tables(getattr(state, f.name)) for f in dataclasses.fields(state)}
    return state


def _from_tables(cls: type, tables: dict[str, Any]) -> Any:
    types = typing.get_type_hints(cls)
    values = {
        name: _from_tables(types[name], value) if dataclasses.is_dataclass(types[name]) else value
        for name, value in tables.items()
    }
    return cls(**values)
