"""The text of a recipe with every default written out."""

from pathlib import Path

from ddkit.jobs.kinds import kind_of_recipe
from ddkit.jobs.recipes import to_toml
from ddkit.jobs.recipes.request import Request


def resolved_toml(recipe: str | Path) -> str:
    """The text of a resolved recipe of either kind.

    Raises:
        UsageError: the recipe cannot be read.
    """
    return to_toml(kind_of_recipe(None, recipe).resolve(Request(recipe=recipe))[0])
