"""Tables of numbers as text, a line a row, as graph collections keep them."""

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
"""Characters that any text may hold, however small it is packed: read as numbers they take ten times as much."""

LONGEST_LINE, AT_ONCE = 2**20, 2**18

FORM = "write one row a line, its numbers separated by commas, without a header or a byte-order mark"


def read_numbers(path: Path, where: str, may_lack: bool = False) -> Array:
    """A comma-separated file without header, gzipped where its name ends in .gz, [rows, columns].

    Lines without a character are skipped. The array is int64 where all numbers are written as such, else float64.
    Float64 takes only what it holds exactly: no number from 2^53 on.

    Args:
        where: what an error line calls the graphs.
        may_lack: an empty field is nan.

    Raises:
        DataError: the file is missing or unpacks to far more than it can honestly hold, holds something else than
            numbers, one that is too large, or its lines are not equally long.
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
    """Raise for a text that unpacks to more than its bytes on the disk can honestly become, without keeping any of it,
    or that has a line longer than any row."""
    stored = stored_bytes(path)
    size, line, limit = 0, 0, unpacked_limit(stored, ALWAYS)
    if path.suffix == ".gz":  # its last four bytes state the size: most bombs need not be unpacked to be known
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
    """NumPy's reason without its advice on NumPy, which follows a semicolon."""
    said = reason(error)
    if "number of columns changed" in said:
        return f"its lines are not equally long: {said.partition(';')[0]}"
    return said
