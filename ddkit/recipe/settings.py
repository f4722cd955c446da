"""Settings classes: frozen dataclasses whose fields are made by `setting`."""

from __future__ import annotations

import dataclasses
import typing
from dataclasses import dataclass
from functools import cache
from typing import Any

from ddkit.recipe.constraint import BOUNDS
from ddkit.recipe.constraint import one_of as a_choice_of
from ddkit.recipe.contract import Contract, contract_of

ANY_SEED = 2**63 - 1
"""The largest seed."""


def setting(
    default: Any = dataclasses.MISSING,
    *,
    at_least: int | float | None = None,
    above: int | float | None = None,
    at_most: int | float | None = None,
    below: int | float | None = None,
    one_of: tuple[str, ...] | tuple[float, ...] | None = None,
    or_file: str | None = None,
    epochs: bool = False,
    later: bool = False,
    help: str = "",
) -> Any:
    """Make a dataclass field with its contract: default, range or choices, and one line of help.

    Args:
        or_file: with `one_of`, the prefix of a further allowed value "PREFIX:FILE".
        epochs: whether the setting counts epochs of the real data, so that its cost grows with the data.
        later: whether recipes and names of files leave the setting out while it has its default. A setting that was
            added to an existing section needs this, so that the texts and names of existing runs stay the same.
    """
    limits = {"at_least": at_least, "above": above, "at_most": at_most, "below": below}
    bounds = {name: BOUNDS[name](limit) for name, limit in limits.items() if limit is not None}
    choice = None if one_of is None else a_choice_of(one_of, or_file)
    metadata = {"bounds": bounds, "choice": choice, "epochs": epochs, "later": later, "help": help}
    return dataclasses.field(default=default, metadata=metadata)


def preset(cls: type, name: str, default: Any) -> Any:
    """Return the setting `name` of a settings class with another default and the same contract."""
    return dataclasses.field(default=default, metadata=field_of(cls, name).metadata)


def field_of(cls: type, name: str) -> dataclasses.Field[Any]:
    """Return the field `name` of a dataclass."""
    return next(field for field in dataclasses.fields(cls) if field.name == name)


def written(settings: Any) -> list[dataclasses.Field[Any]]:
    """Return the fields of settings that texts contain: all but those with `later` that have their default."""
    return [
        field
        for field in dataclasses.fields(settings)
        if not (field.metadata.get("later") and getattr(settings, field.name) == field.default)
    ]


def admits(field: dataclasses.Field[Any], value: int | float) -> bool:
    """Return whether a number is within the bounds of a setting."""
    return all(bound.holds(value) for bound in field.metadata["bounds"].values())


@dataclass(frozen=True)
class Settings:
    """Base of all settings classes. The constructor checks values with their contracts, as a recipe's parser does.

    A child with its own `__post_init__` calls this one first. Names of datasets, augmentations and networks are checked
    by the functions that look them up.

    Example:
        >>> @dataclass(frozen=True, kw_only=True)
        ... class Training(Settings):
        ...     nets: int = setting(5, at_least=2, help="networks trained on each set")
        >>> Training(nets=1)
        Traceback (most recent call last):
        ddkit.errors.RecipeError: Training, key 'nets': must be an integer of at least 2, got 1
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.__repr__ is Settings.__repr__:  # inherited; `dataclass` would replace it by one that has every field
            cls.__repr__ = Settings.__repr__  # type: ignore[method-assign]

    def __post_init__(self) -> None:
        for name, contract in _contracts(type(self)).items():  # type: ignore[arg-type]  # a class is hashable
            value = contract.check(getattr(self, name), f"{type(self).__name__}, key '{name}'")
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        """The settings that `written` gives."""
        values = ", ".join(f"{field.name}={getattr(self, field.name)!r}" for field in written(self))
        return f"{type(self).__qualname__}({values})"


@cache
def _contracts(cls: type) -> dict[str, Contract]:
    """Return the contracts of a settings class, for the fields that `setting` made."""
    declared = typing.get_type_hints(cls)
    fields = [field for field in dataclasses.fields(cls) if "help" in field.metadata]
    return {
        field.name: contract_of(field, declared[field.name], f"{cls.__name__}, key '{field.name}'") for field in fields
    }
