"""Recipes as texts: the recipes that ship with ddkit, by name, and files."""

import re
from dataclasses import dataclass
from pathlib import Path

from ddkit.errors import DataError, RecipeError, UsageError, nearest
from ddkit.files import not_a_file, read_text
from ddkit.shipped import shipped
from ddkit.toml import MOST_CHARACTERS, SHOWN, read_toml, shortened

NEEDS_GPU = "needs a GPU"
"""Words in the first line of a recipe that needs too much time on a CPU."""

SUFFIXES = re.compile(r"(?:\+(?:fyi|([2-8])x\1))*\Z")
"""The end of a recipe's name in a comparison: the recipe is used with FYI, or with packed images."""


@dataclass(frozen=True)
class ShippedRecipe:
    """A row in the list of recipes: name, method, data, and the first line of the header."""

    name: str
    method: str
    data: str
    what: str

    @property
    def fits_cpu(self) -> bool:
        """Whether a CPU suffices: the first line does not contain NEEDS_GPU."""
        return NEEDS_GPU not in self.what


def shipped_recipes(method: str | None = None, data: str | None = None, cpu: bool = False) -> list[ShippedRecipe]:
    """Return the recipes that ship with ddkit, sorted by name.

    Args:
        method: only recipes of this method.
        data: only recipes for this data; for `folder:imagenet` the name `imagenet` suffices.
        cpu: whether to return only recipes that fit a CPU.

    Raises:
        UsageError: no recipe has this method, or this data.
    """
    found = [_shipped(name, file.read_text()) for name, file in list_recipes().items()]
    for what, wanted, known in (
        ("method", method, {recipe.method for recipe in found}),
        ("data", data, {recipe.data.rpartition(":")[2] for recipe in found}),
    ):
        if wanted is not None and wanted.rpartition(":")[2] not in known:
            raise UsageError(f"recipes: none is for {what} '{shortened(wanted)}'; {nearest(wanted[:SHOWN], known)}")
    return [
        recipe
        for recipe in found
        if method in (None, recipe.method)
        and (data is None or data in (recipe.data, recipe.data.rpartition(":")[2]))
        and (recipe.fits_cpu or not cpu)
    ]


def _shipped(name: str, text: str) -> ShippedRecipe:
    tables = read_toml(text, f"recipe '{name}'")
    what = text.partition("\n")[0].lstrip("# ")
    return ShippedRecipe(name, tables["method"]["name"], tables["data"]["name"], what)


def list_recipes() -> dict[str, Path]:
    """Return name -> file of the recipes that ship with ddkit."""
    return {file.stem: file for file in sorted(shipped("recipes").glob("*.toml"))}


def without_suffixes(recipe: str | Path) -> tuple[str, str]:
    """A recipe's name without SUFFIXES, and these.

    Example:
        >>> without_suffixes("mtt-digits-ipc1+fyi+2x2")
        ('mtt-digits-ipc1', '+fyi+2x2')
    """
    name = str(recipe)
    begin = re.search(SUFFIXES, name).start()  # type: ignore[union-attr]  # it matches the end of any text
    return name[:begin], name[begin:]


def find_recipe(source: str | Path) -> tuple[str, str]:
    """Return (name for error lines, TOML text) of a recipe, given by name or as a file.

    Raises:
        RecipeError: `source` is neither a file nor a shipped recipe.
    """
    path = Path(source)
    recipes = list_recipes()
    if path.suffix != ".toml" and str(source) in recipes:
        path = recipes[str(source)]
    where = f"recipe '{shortened(str(source), 200)}'"
    if odd := not_a_file(path):
        hint = nearest(path.stem[:SHOWN], recipes, listed_by="ddkit recipes ls")
        plain, suffixes = without_suffixes(source)
        if suffixes and (plain in recipes or Path(plain).is_file()):
            own = f"name '{plain}' and set method.formation or method.fyi"
            hint = f"{shortened(suffixes)} is for ddkit compare; here, {own}"
        found = "" if odd == "not there" else f" ({odd})"
        raise RecipeError(f"{where}: is no readable file{found} and no recipe of ddkit's; {hint}")
    try:
        return where, read_text(path, where, MOST_CHARACTERS)
    except DataError as error:
        raise RecipeError(str(error)) from None
