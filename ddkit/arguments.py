"""Checks the arguments of public calls with their annotations before a call begins.

A wrong argument gives an error of one line, as on the command line, instead of a traceback from inside a job.
"""

import functools
import inspect
import numbers
import re
import types
import typing
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

from ddkit.errors import DataError, UsageError, nearest

P = ParamSpec("P")
R = TypeVar("R")

_UNFIT = re.compile("[\0\ud800-\udc7f\udd00-\udfff]")
"""Characters that no file name can have. (Bytes that are not UTF-8 appear in names as \\udc80 to \\udcff.)"""


def checked(call: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function so that it checks its arguments.

    It raises UsageError for an argument that is missing, unknown or of a wrong type, and DataError if the operating
    system refuses a file. Integers are accepted as floats, NumPy's numbers as Python's, texts as paths, and any
    sequence of texts as a tuple; the function receives the annotated type. A text is never accepted as a sequence of
    texts.

    Example:
        >>> @checked
        ... def square(x: int) -> int:
        ...     return x * x
        >>> square("2")
        Traceback (most recent call last):
        ddkit.errors.UsageError: square: x must be int, got str '2'
    """
    signature = inspect.signature(call)
    hints = typing.get_type_hints(call)
    for name, parameter in signature.parameters.items():
        if parameter.kind is parameter.VAR_POSITIONAL and name in hints:  # its annotation is that of each argument
            hints[name] = types.GenericAlias(tuple, (hints[name], ...))

    @functools.wraps(call)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        bound = _bound(call, signature, args, kwargs)
        for name, value in bound.arguments.items():
            if name in hints:
                _refuse_characters(f"{_called(call)}: {name}", value)
                try:
                    bound.arguments[name] = _fitted(value, hints[name])
                except TypeError:
                    found = f"{type(value).__name__} {_short(value)}".rstrip()
                    hint = ", a sequence of texts" if isinstance(value, str) and _wants_texts(hints[name]) else ""
                    raise UsageError(
                        f"{_called(call)}: {name} must be {_described(hints[name])}{hint}, got {found}"
                    ) from None
                _refuse_below_zero(call, name, bound.arguments[name])
        with _files_refused(call):
            result = call(*bound.args, **bound.kwargs)
        return cast(R, _each(call, result)) if isinstance(result, Generator) else result

    return wrapper


@contextmanager
def _files_refused(call: Callable[..., Any]) -> Iterator[None]:
    """Raise DataError if the operating system refuses a file."""
    try:
        yield
    except OSError as error:
        file = "" if error.filename is None else f" '{error.filename}'"
        raise DataError(f"{_called(call)}: file{file}: {error.strerror or error}; choose another") from error


def _each(call: Callable[..., Any], results: Generator[Any, None, None]) -> Iterator[Any]:
    """Yield what a generator yields. Its work is done here, after the call, so files are refused here too."""
    with _files_refused(call):
        yield from results


def checked_fields(kind: type[R]) -> type[R]:
    """Decorate a dataclass so that a missing or unknown field raises UsageError. The class checks values itself."""
    build = kind.__init__
    signature = inspect.signature(build)

    @functools.wraps(build)
    def wrapper(*args: Any, **kwargs: Any) -> None:
        _bound(build, signature, args, kwargs)
        build(*args, **kwargs)

    setattr(kind, "__init__", wrapper)  # noqa: B010  (mypy refuses the assignment)
    return kind


def typed_fields(kind: type[R]) -> type[R]:
    """Decorate a dataclass so that its fields are checked as `checked` checks arguments, including their types."""
    setattr(kind, "__init__", checked(kind.__init__))  # noqa: B010  (mypy refuses the assignment)
    return kind


def _bound(
    call: Callable[..., Any], signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> inspect.BoundArguments:
    """Bind the arguments to their names."""
    for name in kwargs:
        if name not in signature.parameters:
            known = nearest(name, [name for name in signature.parameters if name != "self"])
            raise UsageError(f"{_called(call)}: has no argument '{name}'; {known}")
    try:
        return signature.bind(*args, **kwargs)
    except TypeError as error:
        raise UsageError(f"{_called(call)}: {error}") from None


def _refuse_characters(what: str, value: object) -> None:
    """Raise UsageError for a text or path with a character that neither a file name nor a recipe can have."""
    if isinstance(value, (str, Path)) and _UNFIT.search(str(value)):
        raise UsageError(f"{what} has a character that no file can store, got {_short(str(value))}")


def _refuse_below_zero(call: Callable[..., Any], name: str, value: object) -> None:
    """Raise UsageError for a seed below 0, which recipes refuse too."""
    if name.endswith("seed") and isinstance(value, int) and value < 0:
        raise UsageError(f"{_called(call)}: {name} must be at least 0, got {value}")


def _called(call: Callable[..., Any]) -> str:
    return call.__qualname__.removesuffix(".__init__").rpartition("<locals>.")[2]


def _short(value: object) -> str:
    text = ascii(value) if isinstance(value, (str, int, float, bool, bytes)) or value is None else ""
    return text if len(text) <= 60 else f"{text[:57]}..."


def _fitted(value: Any, hint: Any) -> Any:
    """Convert the value to the annotated type, or raise TypeError."""
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        for choice in sorted(typing.get_args(hint), key=lambda choice: not _is_exactly(value, choice)):
            try:
                return _fitted(value, choice)
            except TypeError:
                continue
        raise TypeError
    if origin in (tuple, Sequence):
        if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
            raise TypeError
        return tuple(_fitted(each, typing.get_args(hint)[0]) for each in value)
    if hint is Any:
        return value
    if hint is Path and isinstance(value, str):
        return Path(value)
    if hint in (int, float) and isinstance(value, numbers.Real) and not isinstance(value, bool):
        if hint is float:
            return float(value)
        if isinstance(value, numbers.Integral):
            return int(value)
    if isinstance(value, _class(hint)) and not (hint in (int, float) and isinstance(value, bool)):
        return value
    raise TypeError


def _is_exactly(value: object, hint: Any) -> bool:
    return isinstance(hint, type) and type(value) is hint


def _class(hint: Any) -> Any:
    """Return the type of an annotation for `isinstance`: the array type if it has a shape, else the origin."""
    return getattr(hint, "array_type", None) or typing.get_origin(hint) or hint


def _wants_texts(hint: Any) -> bool:
    return any(_wants_texts(choice) for choice in typing.get_args(hint)) or typing.get_origin(hint) in (tuple, Sequence)


def _described(hint: Any) -> str:
    """Describe an annotation in words."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        return " or ".join(_described(choice) for choice in typing.get_args(hint))
    if hint is type(None):
        return "None"
    if typing.get_origin(hint) in (tuple, Sequence):
        return f"a tuple of {_described(typing.get_args(hint)[0])}"
    if hint is Path:
        return "a path"
    return getattr(_class(hint), "__name__", str(hint))
