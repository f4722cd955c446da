"""A resolved recipe of any kind: a seed and sections of settings; its text, and its changed settings."""

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ddkit.recipe import ANY_SEED, NAMED_SECTIONS, Settings, Uneven, setting, written


@dataclass(frozen=True, kw_only=True)
class AnyRecipe(Settings):
    """A resolved recipe. A child has a field for each section, in the order of a file.

    A section whose settings are None does not occur in the file.
    """

    seed: int = setting(0, at_least=0, at_most=ANY_SEED, help="seed of every draw whose section has no seed of its own")


def to_toml(recipe: AnyRecipe) -> str:
    """The resolved recipe as TOML with every default written out, except as `written` says.

    `parse_recipe` reads it back to equal settings.
    """
    lines = [f"seed = {recipe.seed}"]
    for section, settings in _sections(recipe):
        lines += ["", f"[{section}]"]
        if section in NAMED_SECTIONS:
            lines.append(f"name = {_toml_value(settings.name)}")
        values = ((field.name, getattr(settings, field.name)) for field in written(settings))
        lines += [f"{name} = {_toml_value(value)}" for name, value in values]
    return "\n".join(lines) + "\n"


def changed_settings(recipe: AnyRecipe) -> dict[str, Any]:
    """ "section.key" -> value, for settings that differ from their defaults, in the order of sections and keys."""
    changed: dict[str, Any] = {"seed": recipe.seed}
    for section, settings in _sections(recipe):
        if section in NAMED_SECTIONS:
            changed[f"{section}.name"] = settings.name
        for field in dataclasses.fields(settings):
            if (value := getattr(settings, field.name)) != field.default:
                changed[f"{section}.{field.name}"] = value
    return changed


def _sections(recipe: AnyRecipe) -> Iterator[tuple[str, Any]]:
    """(name, settings) of the sections that are not None, in the order of a file."""
    for field in dataclasses.fields(recipe):
        settings = getattr(recipe, field.name)
        if field.name != "seed" and settings is not None:
            yield field.name, settings


def _toml_value(value: Any) -> str:
    if value is None:
        return '"none"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml_value, value))}]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)  # a JSON string is a TOML string
    if isinstance(value, Uneven):
        return value.toml
    return repr(value)
