"""Checks of a set's facts. Each check returns the value as a plain Python value, or raises DataError."""

import json
import math
import numbers
from collections import Counter
from typing import Any

import numpy as np

from ddkit.errors import DataError, names_something, printable

TEMPERATURES = 1e-30, 1e30
"""The lowest and the highest temperature. float32 holds both, and float16's largest logit over the lowest one."""

MAX_CHARACTERS = 2**22
"""Longest text, for example a recipe, or the names of all classes as JSON. Parsed JSON needs 20 times as many bytes."""


def any_text(value: Any, what: str) -> str:
    """A text of any number of lines that HDF5 can store."""
    found = _plain(value)
    if not isinstance(found, str):
        raise DataError(f"set: {what} must be a text, got {shown(found)}")
    if len(found) > MAX_CHARACTERS:
        raise DataError(f"set: {what} has {len(found):,} characters, over {MAX_CHARACTERS:,}")
    if "\0" in found or any("\ud800" <= character <= "\udfff" for character in found):
        raise DataError(f"set: {what} has a character that no file can store, {shown(found)}")
    return found


def text(value: Any, what: str) -> str:
    """A text of one line that any terminal can print."""
    found = any_text(value, what)
    if printable(found) != found:
        raise DataError(f"set: {what} cannot be printed, {shown(found)}; write one line without control characters")
    return found


def names(value: Any, what: str) -> tuple[str, ...]:
    """Distinct names of at least two classes."""
    if not isinstance(value, (list, tuple)) or len(value) < 2:
        raise DataError(f"set: {what} must be two texts or more, got {shown(value)}")
    found = tuple(text(each, what) for each in value)
    if empty := [each for each in found if not names_something(each)]:
        raise DataError(f"set: {what} must name every class, got {shown(empty[0])}")
    if len(set(found)) < len(found):
        twice, count = Counter(found).most_common(1)[0]
        raise DataError(f"set: {what} must differ, but {shown(twice)} occurs {count} times")
    return found


def whole(value: Any, what: str) -> int:
    """A whole number of at least 1 that a file can store."""
    value = _plain(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value < 2**63:
        raise DataError(f"set: {what} must be a whole number of at least 1, got {shown(value)}")
    return value


def several(value: Any, what: str) -> int:
    """A whole number of at least 2."""
    found = whole(value, what)
    if found < 2:
        raise DataError(f"set: {what} must be at least 2, got {found}; leave it out")
    return found


def class_counts(value: Any, what: str) -> tuple[int, ...]:
    """Whole numbers of at least 1, one a class."""
    value = value.tolist() if isinstance(value, np.ndarray) else value
    if not isinstance(value, (list, tuple)):
        raise DataError(f"set: {what} must be one whole number a class, got {shown(value)}")
    return tuple(whole(each, what) for each in value)


def truth(value: Any, what: str) -> bool:
    """True or False."""
    value = _plain(value)
    if not isinstance(value, bool):
        raise DataError(f"set: {what} must be True or False, got {shown(value)}")
    return value


def positive(value: Any, what: str) -> float:
    """A finite number above 0."""
    found = number(value, what)
    if found <= 0:
        raise DataError(f"set: {what} must be above 0, got {found:g}")
    return found


def temperature(value: Any, what: str) -> float:
    """A temperature: dividing any float16 logit by it gives a finite float32 number."""
    found, (low, high) = number(value, what), TEMPERATURES
    if not low <= found <= high:
        raise DataError(f"set: {what} must lie between {low:g} and {high:g}, got {found:g}")
    return found


def share(value: Any, what: str) -> float:
    """A probability."""
    found = number(value, what)
    if not 0 <= found <= 1:
        raise DataError(f"set: {what} must lie between 0 and 1, got {found:g}")
    return found


def number(value: Any, what: str) -> float:
    """A finite number."""
    value = _plain(value)
    try:
        found = float(value) if isinstance(value, numbers.Real) and not isinstance(value, bool) else math.nan
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise DataError(f"set: {what} must be a finite number, got {shown(value)}")
    return found


def column(value: Any, what: str) -> tuple[float, ...]:
    """Finite numbers, one a channel."""
    value = value.tolist() if isinstance(value, np.ndarray) else value
    if not isinstance(value, (list, tuple)) or not value:
        raise DataError(f"set: {what} must be one number a channel, got {shown(value)}")
    return tuple(number(each, what) for each in value)


def json_object(value: Any, what: str) -> str:
    """A text that is an object of JSON."""
    given = any_text(value, what)
    try:
        found = json.loads(given)
        json.dumps(found, ensure_ascii=False).encode()  # printing an invalid character would raise an error later
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise DataError(f"set: {what} must be an object of JSON, got {shown(given)}")
    return given


def shown(value: Any) -> str:
    """A value as error lines show it: one line of at most 60 characters, without control characters."""
    line = ascii(value)
    return line if len(line) <= 60 else f"{line[:57]}..."


def _plain(value: Any) -> object:
    return value.item() if isinstance(value, np.generic) else value
