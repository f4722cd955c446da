"""What a set's facts may be. Each check gives the value back as one of plain Python, or raises DataError."""

import json
import math
import numbers
from collections import Counter
from typing import Any

import numpy as np

from ddkit.errors import DataError, names_something, printable

TEMPERATURES = 1e-30, 1e30
"""The lowest and the highest temperature. float32 holds both, and float16's largest logit over the lowest one."""

MOST_SIGNS = 2**22
"""Signs of a text: a recipe, or the names of all classes as JSON. What JSON stands for takes twenty times as much."""


def any_text(value: Any, what: str) -> str:
    """A text that HDF5 can hold, of any number of lines."""
    found = _plain(value)
    if not isinstance(found, str):
        raise DataError(f"set: {what} must be a text, got {shown(found)}")
    if len(found) > MOST_SIGNS:
        raise DataError(f"set: {what} has {len(found):,} signs, over {MOST_SIGNS:,}")
    if "\0" in found or any("\ud800" <= sign <= "\udfff" for sign in found):
        raise DataError(f"set: {what} holds a sign that no file can hold, {shown(found)}")
    return found


def text(value: Any, what: str) -> str:
    """A text of one line that any terminal can print."""
    found = any_text(value, what)
    if printable(found) != found:
        raise DataError(f"set: {what} cannot be printed, {shown(found)}; write one line without control characters")
    return found


def names(value: Any, what: str) -> tuple[str, ...]:
    """Names of two classes or more, no two alike."""
    if not isinstance(value, (list, tuple)) or len(value) < 2:
        raise DataError(f"set: {what} must be two texts or more, got {shown(value)}")
    found = tuple(text(each, what) for each in value)
    if empty := [each for each in found if not names_something(each)]:
        raise DataError(f"set: {what} must name every class, got {shown(empty[0])}")
    if len(set(found)) < len(found):
        twice, count = Counter(found).most_common(1)[0]
        raise DataError(f"set: {what} must differ, but {shown(twice)} stands there {count} times")
    return found


def whole(value: Any, what: str) -> int:
    """A whole number of at least 1 that a file can hold."""
    value = _plain(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value < 2**63:
        raise DataError(f"set: {what} must be a whole number of at least 1, got {shown(value)}")
    return value


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
    """A temperature by which float32 can divide any logit that float16 holds."""
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
        json.dumps(found, ensure_ascii=False).encode()  # a sign that is no sign would end whoever prints it
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise DataError(f"set: {what} must be an object of JSON, got {shown(given)}")
    return given


def shown(value: Any) -> str:
    """A value as an error line shows it: on one line, without signs that a terminal obeys."""
    told = ascii(value)
    return told if len(told) <= 60 else f"{told[:57]}..."


def _plain(value: Any) -> object:
    return value.item() if isinstance(value, np.generic) else value
