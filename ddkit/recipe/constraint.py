"""Constraints on the value of a setting. Each has its words and its test, so that error lines describe the test."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Constraint:
    """A condition on a value.

    Attributes:
        words: the condition as part of a sentence, as in "must be an integer of at least 1".
        holds: a function that returns whether a value satisfies the condition.
    """

    words: str
    holds: Callable[[Any], bool]


def at_least(bound: int | float) -> Constraint:
    """A number of at least `bound`."""
    return Constraint(f"of at least {bound}", lambda value: value >= bound)


def above(bound: int | float) -> Constraint:
    """A number greater than `bound`."""
    return Constraint(f"above {bound}", lambda value: value > bound)


def at_most(bound: int | float) -> Constraint:
    """A number of at most `bound`."""
    return Constraint(f"at most {bound}", lambda value: value <= bound)


def below(bound: int | float) -> Constraint:
    """A number smaller than `bound`."""
    return Constraint(f"below {bound}", lambda value: value < bound)


BOUNDS = {"at_least": at_least, "above": above, "at_most": at_most, "below": below}
"""The bounds that a setting can have, in the order in which error lines name them."""


def one_of(choices: tuple[Any, ...], or_file: str | None = None) -> Constraint:
    """One of a few values, or "PREFIX:FILE" with the prefix `or_file`."""
    words = "one of " + ", ".join(map(str, choices))
    if or_file is None:
        return Constraint(words, lambda value: value in choices)
    begin = f"{or_file}:"
    return Constraint(
        f"{words}, {begin}FILE", lambda value: value in choices or (value.startswith(begin) and len(value) > len(begin))
    )


TEXTS = tuple[str, ...]
"""The type of a setting that is a list of strings."""

KINDS: dict[Any, Constraint] = {
    int: Constraint("an integer", lambda value: isinstance(value, int) and not isinstance(value, bool)),
    float: Constraint("a number", lambda value: isinstance(value, float) and math.isfinite(value)),
    bool: Constraint("true or false", lambda value: isinstance(value, bool)),
    str: Constraint("a string", lambda value: isinstance(value, str)),
    TEXTS: Constraint(
        "a list of strings",
        lambda value: isinstance(value, tuple) and all(isinstance(each, str) for each in value),
    ),
}
"""The types that a setting can have."""
