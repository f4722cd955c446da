"""One TOML table into one settings class, strictly."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from ddkit.errors import RecipeError, nearest
from ddkit.recipe.contract import contract_of
from ddkit.recipe.settings import Settings
from ddkit.toml import SHOWN, shortened, shown

Parsed = TypeVar("Parsed", bound=Settings)


def parse_table(table: Any, cls: type[Parsed], where: str, section: str) -> Parsed:
    """The settings of class `cls` that a table describes.

    Args:
        table: what `read_toml` gave for the section.
        cls: a settings class.
        where: what error lines call the recipe.
        section: the table's name.

    Raises:
        RecipeError: no table, an unknown or a missing key, a wrong type, a value out of range.
    """
    if not isinstance(table, dict):
        raise RecipeError(f"{where}, key '{section}': must be a table, got {shown(table)}")
    declared = typing.get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls)}
    _refuse_unknown(table, list(fields), where, section)
    missing = [name for name, field in fields.items() if field.default is dataclasses.MISSING and name not in table]
    if missing:
        raise RecipeError(f"{where}, key '{section}.{missing[0]}': is required but missing")
    values = {}
    for name, value in table.items():
        key = f"{where}, key '{section}.{name}'"
        values[name] = contract_of(fields[name], declared[name], key).check(value, key)
    return cls(**values)


def _refuse_unknown(table: Mapping[str, Any], known: list[str], where: str, section: str) -> None:
    for key in table:
        if key not in known:
            raise RecipeError(f"{where}: unknown key '{section}.{shortened(key)}'; {nearest(key[:SHOWN], known)}")
