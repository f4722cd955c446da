"""Recipes as texts: those that ship with ddkit, by name, and files."""

from pathlib import Path

from ddkit.errors import DataError, RecipeError, nearest
from ddkit.files import not_a_file, read_text
from ddkit.shipped import shipped
from ddkit.toml import MOST_CHARACTERS, SHOWN, shortened


def list_recipes() -> dict[str, Path]:
    """Name -> file of the recipes that ship with ddkit."""
    return {file.stem: file for file in sorted(shipped("recipes").glob("*.toml"))}


def find_recipe(source: str | Path) -> tuple[str, str]:
    """(what to call it, TOML text) of a recipe named or given as a file.

    Raises:
        RecipeError: neither a file nor a shipped recipe.
    """
    path = Path(source)
    recipes = list_recipes()
    if path.suffix != ".toml" and str(source) in recipes:
        path = recipes[str(source)]
    where = f"recipe '{shortened(str(source), 200)}'"
    if odd := not_a_file(path):
        hint = nearest(path.stem[:SHOWN], recipes, listed_by="ddkit recipes ls")
        found = "" if odd == "not there" else f" ({odd})"
        raise RecipeError(f"{where}: is no readable file{found} and no recipe of ddkit's; {hint}")
    try:
        return where, read_text(path, where, MOST_CHARACTERS)
    except DataError as error:
        raise RecipeError(str(error)) from None
