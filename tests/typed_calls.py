"""The checker of types under test: beartype, whose check of a nested function is made once for all its definitions.

jaxtyping gives a checker an empty function with the signature of the true one. A nested function is defined at every
call of the outer one. beartype alone would write and compile the same code each time, for a fifth of a small run.
"""

from collections.abc import Callable, Hashable

from beartype import beartype

_known: dict[Hashable, Callable[..., object]] = {}


def checked(empty: Callable[..., object]) -> Callable[..., object]:
    """beartype's check of these arguments; for a nested function, the one made for an equal signature."""
    if (
        "<locals>" not in empty.__qualname__ or empty.__defaults__ or empty.__kwdefaults__
    ):  # beartype checks defaults too
        return beartype(empty)
    signature = (empty.__module__, empty.__qualname__, empty.__code__, tuple(empty.__annotations__.items()))
    try:
        known = _known.get(signature)
    except TypeError:  # an annotation without a hash, such as P.args
        return beartype(empty)
    if known is None:
        known = _known[signature] = beartype(empty)
    return known
