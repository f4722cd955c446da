"""The sections of one kind of recipe, and a parser for them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ddkit.errors import RecipeError, UsageError, nearest
from ddkit.jobs.recipes.any_recipe import AnyRecipe
from ddkit.recipe import Settings, contract_of, field_of, parse_table
from ddkit.toml import SHOWN, shortened


@dataclass(frozen=True)
class Layout:
    """The sections of one kind of recipe and their settings classes.

    Attributes:
        plain: section -> settings class. If a recipe lacks such a section, the settings have their defaults.
        named: section -> a function from the section's key `name` to a settings class. [method] is required. Methods of
            third parties are found and parsed like those of ddkit.
        unknown: words of the error line for a section or key that is not in the layout.
        required: words of the error line for a missing [method].
    """

    plain: Mapping[str, type[Settings]]
    named: Mapping[str, Callable[[str], type[Settings]]]
    unknown: str
    required: str

    def settings_class(self, section: str, name: str) -> type[Settings]:
        """The settings class of a section, given the section's key `name`.

        Raises:
            RecipeError: the name is unknown; the line names the key.
        """
        try:
            return self.named[section](name)
        except UsageError as error:
            raise RecipeError(f"key '{section}.name': {error}") from None


@dataclass(frozen=True)
class WrittenRecipe:
    """A recipe as it is written.

    `sections` holds the settings of each section, whose class `Layout` gives. A named section that the file lacks is
    missing here too.
    """

    seed: int
    sections: Mapping[str, Any]


def parse_recipe(tables: Mapping[str, Any], layout: Layout, where: str) -> WrittenRecipe:
    """Turn TOML tables into settings.

    Args:
        tables: the result of `read_toml`, with overrides applied.
        layout: the sections of this kind of recipe.
        where: the recipe's name in error lines.

    Raises:
        RecipeError: an unknown section or key, a wrong type, a value out of range, a missing name.
    """
    known = [*layout.plain, *layout.named, "seed"]
    for key in tables:
        if key not in known:
            words = layout.unknown.format(shortened(key))
            raise RecipeError(f"{where}: {words}; {nearest(key[:SHOWN], known)}")
    seed = contract_of(field_of(AnyRecipe, "seed"), int, where).check(tables.get("seed", 0), f"{where}, key 'seed'")
    sections = {
        section: parse_table(tables.get(section, {}), cls, where, section) for section, cls in layout.plain.items()
    }
    if "method" not in tables:
        raise RecipeError(f"{where}: has no [method] section; {layout.required}")
    for section in layout.named:
        if section not in tables:
            continue
        table = tables[section]
        if not isinstance(table, dict) or not isinstance(table.get("name"), str):
            raise RecipeError(f"{where}, section '{section}': must name its kind, as in {section}.name = \"...\"")
        rest = {key: value for key, value in table.items() if key != "name"}
        sections[section] = parse_table(rest, layout.settings_class(section, table["name"]), where, section)
    return WrittenRecipe(seed, sections)
