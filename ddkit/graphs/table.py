"""Reads tables of numbers from text files with one row on each line, the format of graph collections."""

import gzip
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ddkit.errors import DataError, reason
from ddkit.files import not_a_file, refuse_bomb, stored_bytes, unpacked_limit

Array = np.ndarray

ALWAYS = 8 * 2**20
"""Characters that a text may have for any size of its file; parsed numbers need ten times as many bytes."""

LONGEST_LINE, AT_ONCE = 2**20, 2**18

FORM = "write one row on each line, its numbers separated by commas, without a header or a byte-order mark"


def read_numbers(path: Path, where: str, may_lack: bool = False) -> Array:
    """Read a comma-separated file without header, gzipped if its name ends in .gz, as an array [rows, columns].

    Empty lines are skipped. The array is int64 if all numbers are written as integers, else float64. In a float64 array
    numbers from 2^53 on are refused, since they are not exact.

    Args:
        where: name of the graphs in error lines.
        may_lack: whether empty fields are allowed; they become nan.

    Raises:
        DataError: the file is missing, unpacks to far more than its size justifies, contains something that is not a
            number or is too large, or its lines have different lengths.
    """
    if odd := not_a_file(path):
        raise DataError(f"{where}, file '{path}': cannot be read (it is {odd})")
    try:
        _refuse_bomb(path, f"{where}, file '{path}'")
        try:
            return _parsed(path, np.int64)
        except ValueError:
            return _exact(_parsed(path, np.float64, _or_nan if may_lack else None))
    except ValueError as error:
        raise DataError(f"{where}, file '{path}': cannot be read ({_shorter(error)}); {FORM}") from None
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{where}, file '{path}': cannot be read ({reason(error)})") from None


def _refuse_bomb(path: Path, what: str) -> None:
    """Raise DataError if a text unpacks to far more than its size on disk justifies, or if a line is too long.

    The text is unpacked piece by piece and not kept.
    """
    stored = stored_bytes(path)
    size, line, limit = 0, 0, unpacked_limit(stored, ALWAYS)
    if path.suffix == ".gz":  # its last four bytes state the size, so most bombs need not be unpacked
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 4))
            refuse_bomb(int.from_bytes(file.read(4), "little"), stored, f"{what}: is a text that", always=ALWAYS)
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        while part := file.read(AT_ONCE):
            size += len(part)
            last = part.rfind(b"\n")
            line = line + len(part) if last < 0 else len(part) - last - 1
            if line > LONGEST_LINE:
                raise ValueError(f"a line is longer than {LONGEST_LINE:,} characters")
            if size > limit:
                refuse_bomb(size, stored, f"{what}: is a text that", always=ALWAYS)


def _parsed(path: Path, dtype: type, converter: Callable[[str], float] | None = None) -> Array:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # numpy warns of an empty file
        return np.loadtxt(path, dtype, None, ",", converter, ndmin=2, encoding="utf-8")


def _exact(numbers: Array) -> Array:
    """Return the numbers. Raise ValueError if one is so large that float64 may have rounded it."""
    large = numbers[np.isfinite(numbers) & (np.abs(numbers) >= 2.0**53)]
    if len(large):
        raise ValueError(
            f"it has {large[0]:.17g}, but numbers from 2^53 on are only exact if all numbers of the file are whole, "
            "without a point or an exponent, and below 2^63"
        )
    return numbers


def _or_nan(text: str) -> float:
    if "_" in text:  # Python would read 1_0 as ten
        raise ValueError(f"could not convert string {text!r}")
    return float(text) if text.strip() else np.nan


def _shorter(error: Exception) -> str:
    """Return NumPy's reason without its advice, which follows a semicolon."""
    text = reason(error)
    if "number of columns changed" in text:
        return f"its lines are not equally long: {text.partition(';')[0]}"
    return text
