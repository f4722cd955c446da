"""Small JSON files that ddkit writes and reads. A file whose content does not have the expected form is refused.

A form is a type: `int`, `float`, `str`, `bool`, `None`, a union of these, `Any`, `list[X]`, `tuple[X, ...]`,
`dict[str, X]`, or a dataclass, whose fields are the keys.
"""

import dataclasses
import json
import math
import types
import typing
from pathlib import Path
from typing import Any

from ddkit.errors import DataError, printable
from ddkit.run.atomic import atomic_write

AGAIN = "delete it and run again"
"""The fix for most damaged files: ddkit makes their content anew."""

LARGEST = 2**26
"""Largest size of such a file in bytes."""


def read_text(file: Path, fix: str = AGAIN) -> str:
    """Return the text of a small file.

    Raises:
        DataError: the file cannot be read or is not a text. The line ends with `fix`.
    """
    try:
        if not file.is_file() and file.exists():
            raise DataError(f"file '{file}': is {'a folder' if file.is_dir() else 'no file'}; {fix}")
        if file.stat().st_size > LARGEST:
            raise DataError(f"file '{file}': is far larger than what ddkit writes there; {fix}")
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise DataError(f"file '{file}': is damaged (no UTF-8 text); {fix}") from None
    except OSError as error:
        raise DataError(f"file '{file}': cannot be read ({error.strerror or error}); {fix}") from None


def read_json(file: Path, form: Any, fix: str = AGAIN) -> Any:
    """Read a file whose content must have the form `form`. Floats in the form must be finite.

    Example:
        >>> read_json(folder / "spent.json", dict[str, float])
        {'seconds': 12.5}

    Raises:
        DataError: the file cannot be read, is not JSON, or has another form. The line ends with `fix`.
    """
    text = read_text(file, fix)
    if not text.strip():
        raise DataError(f"file '{file}': is empty; {fix}")
    try:
        return fitted(parsed(text), form)
    except ValueError as error:
        raise DataError(f"file '{file}': is damaged ({error}); {fix}") from None


def write_json(file: Path, value: Any, indent: int | None = None) -> None:
    """Write a value as JSON, atomically."""
    with atomic_write(file) as temporary:
        temporary.write_text(json.dumps(value, indent=indent) + "\n", encoding="utf-8")


def parsed(text: str) -> Any:
    """Return the value of a JSON text, or raise ValueError with one line."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"no JSON: {error}") from None
    except RecursionError:
        raise ValueError("JSON with too many levels") from None


def fitted(value: Any, form: Any, what: str = "it", finite: bool = True) -> Any:
    """Return the value converted to a form, or raise ValueError that names the part that does not fit.

    Args:
        what: name of the value in the error.
        finite: whether to refuse infinity and NaN.
    """
    origin, inner = typing.get_origin(form), typing.get_args(form)
    if form is Any:
        return value
    if origin in (types.UnionType, typing.Union):
        for choice in inner:
            try:
                return fitted(value, choice, what, finite)
            except ValueError:
                continue
    elif origin in (list, tuple) and isinstance(value, list):
        return origin(fitted(each, inner[0], f"{what}[{i}]", finite) for i, each in enumerate(value))
    elif origin is dict and isinstance(value, dict):
        return {name: fitted(each, inner[1], f"'{name}'", finite) for name, each in value.items()}
    elif dataclasses.is_dataclass(form) and isinstance(value, dict):
        return _built(value, form, what, finite)
    elif form in (None, types.NoneType) and value is None:
        return None
    elif form is float and isinstance(value, int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isfinite(number) or not finite:
            return number
    elif isinstance(form, type) and isinstance(value, form) and (form is bool or not isinstance(value, bool)):
        return value
    raise ValueError(
        f"{what} must be {_described(form)}{' and finite' if form is float else ''}, found {_short(value)}"
    )


def _built(value: dict[str, Any], form: Any, what: str, finite: bool) -> Any:
    hints, fields = typing.get_type_hints(form), {field.name: field for field in dataclasses.fields(form)}
    for name in value:
        if name not in fields:
            raise ValueError(f"{what} has an unknown key {_short(name)}")
    for name, field in fields.items():
        if name not in value and field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ValueError(f"{what} lacks the key '{name}'")
    return form(**{name: fitted(each, hints[name], f"'{name}'", finite) for name, each in value.items()})


def _described(form: Any) -> str:
    """Describe a form in words."""
    words = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", types.NoneType: "null"}
    if form in words:
        return words[form]
    if typing.get_origin(form) in (types.UnionType, typing.Union):
        return " or ".join(_described(choice) for choice in typing.get_args(form))
    return "a list" if typing.get_origin(form) in (list, tuple) else "a table"


def _short(value: Any) -> str:
    text = json.dumps(value) if not isinstance(value, dict | list) or not value else type(value).__name__
    return printable(text if len(text) <= 40 else f"{text[:37]}...")
