"""Conversion of numbers from files and users to exact whole numbers."""

from collections.abc import Sequence

import numpy as np

from ddkit.errors import DataError

Array = np.ndarray

NUMBERS = "biuf"
"""Kinds of NumPy types that ddkit reads as numbers: bool, signed, unsigned, floating."""


def as_integers(numbers: Array, where: str) -> tuple[Array, Array]:
    """Return (the numbers as int64, those that are not whole or do not fit). An int64 array is not copied.

    Raises:
        DataError: the array has texts, complex numbers or dates.
    """
    if numbers.dtype.kind not in NUMBERS:
        raise DataError(f"{where}: must be whole numbers, but are of type {numbers.dtype}")
    with np.errstate(invalid="ignore"):  # nan and inf are no integers either
        found = numbers.astype(np.int64, copy=False)
    if numbers.dtype.kind in "bi" or numbers.dtype == np.uint32 or numbers.dtype.itemsize == 1:
        return found, numbers[:0]
    beyond = 2**63 if numbers.dtype.kind == "u" else 2.0**63  # each exact in its type
    with np.errstate(over="ignore"):  # 2^63 is inf in float16, and all its numbers are below, as they should be
        return found, numbers[(found != numbers) | (numbers >= beyond)]


def too_large(number: np.generic) -> bool:
    """Return whether a number that `as_integers` rejected is whole, and hence only too large."""
    return bool(np.isfinite(number) and number % 1 == 0)  # type: ignore[operator]


def together(parts: Sequence[Array], where: str) -> Array:
    """Concatenate numbers or texts without loss.

    NumPy would convert int64 and float64 to float64, in which different whole numbers from 2^53 on become equal.

    Raises:
        DataError: the parts have several kinds of types, and one is not a number.
    """
    if len({part.dtype.kind for part in parts}) > 1:
        found = [as_integers(part, where) for part in parts]
        if not any(len(others) for _, others in found):
            return np.concatenate([numbers for numbers, _ in found])
    return np.concatenate(parts)  # numbers that are not whole stay, so that the caller can refuse them


def narrow(numbers: Array, below: int) -> Array:
    """Convert whole numbers to int32 if they fit. It is used for arrays with a number for each edge."""
    return numbers.astype(np.int32, copy=False) if below <= 2**31 else numbers


def whole(numbers: Array, where: str) -> Array:
    """Return the same numbers as int64.

    Raises:
        DataError: a value is not a whole number of 64 bits.
    """
    found, others = as_integers(numbers, where)
    if len(others):
        size = ", which is no signed 64-bit number" if too_large(others[0]) else ""
        raise DataError(f"{where}: must be whole numbers, got {others[0]:g}{size}")
    return found
