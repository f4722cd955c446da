"""Recipes of graph methods: the same TOML, other sections' settings."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ddkit.data import is_images
from ddkit.errors import RecipeError
from ddkit.evaluation import GraphTraining
from ddkit.graphs import GraphDataSettings, refuse_unknown_name
from ddkit.jobs.recipes import AnyRecipe, Layout, parse_recipe, to_toml
from ddkit.jobs.resolve import data_named, method_named, resolve
from ddkit.methods import GraphMethodSettings, graph_method
from ddkit.methods.table import GRAPH_METHODS
from ddkit.recipe import dropped, override
from ddkit.recipe_files import find_recipe, list_recipes
from ddkit.run import RunFolder
from ddkit.toml import read_toml


@dataclass(frozen=True, kw_only=True)
class GraphRecipe(AnyRecipe):
    """One resolved recipe for graphs."""

    data: GraphDataSettings
    method: GraphMethodSettings
    evaluate: GraphTraining


def _method_settings(name: str) -> type[GraphMethodSettings]:
    return graph_method(name).settings_class


GRAPHS = Layout(
    plain={"data": GraphDataSettings, "evaluate": GraphTraining},
    named={"method": _method_settings},
    unknown="section or key '{}' is unknown to a method for graphs",
    required="add one with name =",
)


def resolve_graphs(
    *,
    recipe: str | Path | None = None,
    method: str | None = None,
    data: str | None = None,
    seed: int | None = None,
    overrides: tuple[str, ...] = (),
) -> tuple[GraphRecipe, str]:
    """The recipe that the flags ask for, every setting filled in, and a line that says where it comes from.

    Without `recipe`, the shipped METHOD-DATA.toml is taken; if there is none, the method's defaults.

    Raises:
        UsageError: an unknown method or a recipe that cannot be read.
    """
    if recipe is None:
        name = f"{method}-{data or 'digits-graphs'}"
        recipe = name if name in list_recipes() else None
        origin = f"recipe {recipe or f'defaults of {method}'}"
    else:
        origin = f"recipe {recipe}"
    where, text = find_recipe(recipe) if recipe is not None else (f"method '{method}'", "")
    flags = [("method.name", method), ("data.name", data), ("seed", seed)]
    given = tuple(f"{key}={json.dumps(value)}" for key, value in flags if value is not None)
    tables = read_toml(text, where)
    asked_for = override(tables, given + overrides)
    if is_images(data := data_named(asked_for)):
        raise RecipeError(f"{where}: data '{data}' are images, but method '{method_named(asked_for)}' is for graphs")
    return _parse(asked_for, where), origin + dropped(tables, asked_for)


def is_graph_recipe(recipe: str | Path | None, method: str | None) -> bool:
    """Whether `ddkit condense` is asked for graphs: by the method's name, or by the recipe's."""
    if method is not None or recipe is None:
        return method in GRAPH_METHODS
    where, text = find_recipe(recipe)
    return method_named(read_toml(text, where)) in GRAPH_METHODS


def begun_recipe(folder: str | Path | None) -> Path | None:
    """The recipe of the run in a folder, by which it goes on unless another is asked for; None if there is no run."""
    file = None if folder is None else RunFolder(Path(folder)).recipe
    return file if file is not None and file.exists() else None


def resolved_toml(recipe: str | Path) -> str:
    """A recipe of either kind with every default written out.

    Raises:
        UsageError: the recipe cannot be read.
    """
    if is_graph_recipe(recipe, None):
        return to_toml(resolve_graphs(recipe=recipe)[0])
    return to_toml(resolve(recipe=recipe)[0])


def _parse(tables: dict[str, Any], where: str) -> GraphRecipe:
    written = parse_recipe(tables, GRAPHS, where)
    recipe = GraphRecipe(**written.sections, seed=written.seed)
    refuse_unknown_name(recipe.data.name)
    return recipe
