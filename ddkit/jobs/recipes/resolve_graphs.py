"""Resolve a request to one recipe for graphs."""

from collections.abc import Mapping
from typing import Any

from ddkit.data import is_images
from ddkit.errors import RecipeError
from ddkit.graphs import refuse_unknown_name
from ddkit.jobs.recipes import GRAPHS, GraphRecipe, parse_recipe
from ddkit.jobs.recipes.request import Request, refuse_options
from ddkit.jobs.recipes.resolve import data_named, method_named
from ddkit.recipe import dropped, override
from ddkit.recipe_files import find_recipe, list_recipes
from ddkit.toml import read_toml


def resolve_graphs(request: Request) -> tuple[GraphRecipe, str]:
    """The resolved recipe, and a line that names its source.

    If `request.recipe` is None, the shipped METHOD-DATA.toml is used, or the method's defaults if there is none.

    Raises:
        UsageError: an unknown method, a recipe that cannot be read, or an option for images.
    """
    refuse_options("graphs", ipc=request.ipc is not None, fyi=request.fyi)
    method, recipe = request.method, request.recipe
    if recipe is None:
        name = f"{method}-{request.data or 'digits-graphs'}"
        recipe = name if name in list_recipes() else None
        origin = f"recipe {recipe or f'defaults of {method}'}"
    else:
        origin = f"recipe {recipe}"
    where, text = find_recipe(recipe) if recipe is not None else (f"method '{method}'", "")
    tables = read_toml(text, where)
    changed = override(tables, request.assignments)
    if is_images(data := data_named(changed)):
        raise RecipeError(
            f"{where}: data '{data}' are images, but method '{method_named(changed)}' is for graphs; name graphs, such "
            "as digits-graphs (`ddkit data ls` lists them), or a method for images"
        )
    return parse_graphs(changed, where), origin + dropped(tables, changed)


def parse_graphs(tables: Mapping[str, Any], where: str) -> GraphRecipe:
    """The recipe of TOML tables.

    Raises:
        RecipeError: an unknown section, key or name, or a value out of range.
    """
    written = parse_recipe(tables, GRAPHS, where)
    recipe = GraphRecipe(**written.sections, seed=written.seed)
    refuse_unknown_name(recipe.data.name)
    return recipe
