"""Strict conversion of one TOML table to one settings class."""

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
    """Convert a table to settings of class `cls`.

    Args:
        table: the section in the result of `read_toml`.
        cls: a settings class.
        where: name of the recipe in error lines.
        section: name of the table.

    Raises:
        RecipeError: it is not a table, a key is unknown or missing, or a value has a wrong type or is out of range.
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
