"""Equality of dataclasses with tensors or arrays."""

import dataclasses
import sys
from typing import Any

import numpy as np


class EqualByContent:
    """Base of dataclasses whose instances are equal if all fields are: tensors by dtype, device, shape and numbers.

    The `__eq__` of `dataclass` fails for tensors and arrays, because `==` compares them element by element. Instances
    have no hash, since their tensors can change.
    """

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        names = [field.name for field in dataclasses.fields(self)]  # type: ignore[arg-type]  # children are dataclasses
        return all(_equal(getattr(self, name), getattr(other, name)) for name in names)


def _equal(one: Any, other: Any) -> bool:
    torch = sys.modules.get("torch")  # not imported here: lists of sets need none, and then there are no tensors
    if torch is not None and isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return (one.dtype, one.device) == (other.dtype, other.device) and torch.equal(one, other)
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    return type(one) is type(other) and bool(one == other)
