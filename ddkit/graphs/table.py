"""Tables of numbers as text, a line a row, as graph collections keep them."""

import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ddkit.errors import DataError, reason

Array = np.ndarray


def read_numbers(path: Path, where: str, may_lack: bool = False) -> Array:
    """A comma-separated file without header, gzipped where its name ends in .gz, [rows, columns].

    Lines without a character are skipped. The array is int64 where all numbers are written as such, else float64.
    Float64 takes only what it holds exactly: no number from 2^53 on.

    Args:
        where: what an error line calls the graphs.
        may_lack: an empty field is nan.

    Raises:
        DataError: the file is missing, holds something else than numbers, one that is too large, or its lines are not
            equally long.
    """
    try:
        try:
            return _parsed(path, np.int64)
        except ValueError:
            return _exact(_parsed(path, np.float64, _or_nan if may_lack else None))
    except (OSError, ValueError, EOFError, zlib.error) as error:
        raise DataError(f"{where}, file '{path}': cannot be read ({_shorter(error)})") from None


def _parsed(path: Path, dtype: type, converter: Callable[[str], float] | None = None) -> Array:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of an empty file
        return np.loadtxt(path, dtype, None, ",", converter, ndmin=2, encoding="utf-8")


def _exact(numbers: Array) -> Array:
    """The same numbers, none so large that float64 has rounded what the file says."""
    large = numbers[np.isfinite(numbers) & (np.abs(numbers) >= 2.0**53)]
    if len(large):
        raise ValueError(
            f"it holds {large[0]:.17g}, but numbers from 2^53 on are only exact where all of the file are whole, "
            "without a point or an exponent, and below 2^63"
        )
    return numbers


def _or_nan(text: str) -> float:
    if "_" in text:  # Python would read 1_0 as ten
        raise ValueError(f"could not convert string {text!r}")
    return float(text) if text.strip() else np.nan


def _shorter(error: Exception) -> str:
    """NumPy's reason without its advice on NumPy."""
    said = reason(error).partition(";")[0]
    return f"its lines are not equally long: {said}" if "number of columns changed" in said else said
