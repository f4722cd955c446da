"""The contract of a setting: its type, whether it may be none, and its constraints."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ddkit.errors import RecipeError
from ddkit.recipe.constraint import KINDS, TEXTS, Constraint, at_most
from ddkit.recipe.uneven import Uneven
from ddkit.toml import shown

MOST = 2**31 - 1
"""The largest integer of a setting without an upper bound."""


@dataclass(frozen=True)
class Contract:
    """The allowed values of one setting.

    Attributes:
        type: a key of `KINDS`.
        optional: whether the value may be none.
        bounds: constraints by the name of their argument of `setting`, as in {"at_least": ...}.
        choice: the allowed values, if there are only a few.
        uneven: whether the value may also be `Uneven`.
    """

    type: Any
    optional: bool
    bounds: Mapping[str, Constraint]
    choice: Constraint | None
    uneven: bool = False

    def __str__(self) -> str:
        """The contract in words: "a number above 0 and at most 1", "one of sgd, adamw or none"."""
        bounds = " and ".join(bound.words for bound in self.bounds.values())
        words = self.choice.words if self.choice else f"{KINDS[self.type].words} {bounds}".rstrip()
        return words + f", {Uneven.words}" * self.uneven + " or none" * self.optional

    def check(self, value: Any, where: str) -> Any:
        """Return the value converted to the contract's type. A single string is a list of one, an empty one of none.

        Raises:
            RecipeError: the value breaks the contract. The line begins with `where`.
        """
        if self.optional and (value is None or value == "none"):
            return None
        if self.uneven:
            if (rule := Uneven.read(value)) is not None:
                return rule
            if not isinstance(value, str | dict):  # not meant as a rule, so the error line is about numbers
                return dataclasses.replace(self, uneven=False).check(value, where)
        if self.type == TEXTS and isinstance(value, str | list):
            value = tuple(value) if isinstance(value, list) else (value,) * bool(value)
        if self.type is float and KINDS[int].holds(value):
            value = float(value) if abs(value) < 2**1023 else math.inf
        if self.type is int and KINDS[int].holds(value) and value > MOST and "at_most" not in self.bounds:
            bounds = {**self.bounds, "at_most": at_most(MOST)}  # so that only this error line mentions it
            return dataclasses.replace(self, bounds=bounds)._held(value, where)
        return self._held(value, where)

    def _held(self, value: Any, where: str) -> Any:
        constraints = [KINDS[self.type], *self.bounds.values(), *([self.choice] if self.choice else [])]
        if not all(constraint.holds(value) for constraint in constraints):  # the type comes first
            raise RecipeError(f"{where}: must be {self}, got {shown(value)}")
        return value


def contract_of(field: dataclasses.Field[Any], declared: Any, where: str) -> Contract:
    """Return the contract of a field of a settings class, declared with the type `declared`.

    Raises:
        RecipeError: settings cannot have this type. The line begins with `where`.
    """
    union = typing.get_origin(declared) in (types.UnionType, typing.Union)
    parts = typing.get_args(declared) if union else (declared,)
    bases = [part for part in parts if part not in (type(None), Uneven)]
    if len(bases) != 1 or bases[0] not in KINDS:
        raise RecipeError(
            f"{where}: its settings class declares it as {declared}, which no setting can be; declare it as bool, int, "
            "float, str or tuple[str, ...], or as one of these or None"
        )
    bounds, choice = field.metadata.get("bounds", {}), field.metadata.get("choice")
    return Contract(bases[0], type(None) in parts, bounds, choice, Uneven in parts)


def allowed(field: dataclasses.Field[Any], declared: Any) -> str:
    """Describe the allowed values of a setting: "a number above 0 and at most 1", "one of sgd, adamw or none"."""
    return str(contract_of(field, declared, f"setting '{field.name}'"))
