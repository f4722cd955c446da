"""Whole numbers out of what files and users give."""

from collections.abc import Sequence

import numpy as np

from ddkit.errors import DataError

Array = np.ndarray

NUMBERS = "biuf"
"""Kinds of NumPy types that ddkit reads as numbers: bool, signed, unsigned, floating."""


def as_integers(numbers: Array, where: str) -> tuple[Array, Array]:
    """(the numbers as int64, those of them that are not whole or do not fit); no copy where they are int64 already.

    Raises:
        DataError: texts, complex numbers, dates: what is no number.
    """
    if numbers.dtype.kind not in NUMBERS:
        raise DataError(f"{where}: must be whole numbers, but are of type {numbers.dtype}")
    with np.errstate(invalid="ignore"):  # nan and inf are no integers either
        found = numbers.astype(np.int64, copy=False)
    if numbers.dtype.kind in "bi" or numbers.dtype == np.uint32 or numbers.dtype.itemsize == 1:
        return found, numbers[:0]
    beyond = 2**63 if numbers.dtype.kind == "u" else 2.0**63  # each exact in its type
    with np.errstate(over="ignore"):  # float16 holds 2^63 as inf, which its numbers stay below as they should
        return found, numbers[(found != numbers) | (numbers >= beyond)]


def too_large(number: np.generic) -> bool:
    """Whether one of the numbers that `as_integers` could not keep is whole, so that only its size is at fault."""
    return bool(np.isfinite(number) and number % 1 == 0)  # type: ignore[operator]


def together(parts: Sequence[Array], where: str) -> Array:
    """Numbers or texts beneath each other, without a loss: NumPy would join int64 and float64 as float64, where
    different whole numbers from 2^53 on become equal.

    Raises:
        DataError: parts of several kinds, one of which is no number.
    """
    if len({part.dtype.kind for part in parts}) > 1:
        found = [as_integers(part, where) for part in parts]
        if not any(len(others) for _, others in found):
            return np.concatenate([numbers for numbers, _ in found])
    return np.concatenate(parts)  # parts with a number that is not whole keep it, for the caller to name


def narrow(numbers: Array, below: int) -> Array:
    """Whole numbers in half the bytes where int32 holds them: what there is one of for each edge."""
    return numbers.astype(np.int32, copy=False) if below <= 2**31 else numbers


def whole(numbers: Array, where: str) -> Array:
    """The same numbers as int64.

    Raises:
        DataError: something that is no whole number of 64 bits.
    """
    found, others = as_integers(numbers, where)
    if len(others):
        size = ", which is no signed 64-bit number" if too_large(others[0]) else ""
        raise DataError(f"{where}: must be whole numbers, got {others[0]:g}{size}")
    return found
