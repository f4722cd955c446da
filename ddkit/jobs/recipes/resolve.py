"""Resolve the arguments of a call, a recipe's name or its file to one recipe for images."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ddkit.data import DSA, refuse_unknown
from ddkit.errors import RecipeError, UsageError
from ddkit.experts import ExpertSettings, TeacherSettings, expert_settings
from ddkit.experts.settings import TEACHERS
from ddkit.graphs import is_graphs
from ddkit.jobs.recipes import IMAGES, Recipe, WrittenRecipe, parse_recipe
from ddkit.jobs.recipes.folders import ipc_in_names
from ddkit.jobs.recipes.request import Request
from ddkit.methods import MethodSettings, method_class, method_names
from ddkit.nets import net_settings, parse_net, refuse_trained
from ddkit.recipe import dropped, override
from ddkit.recipe_files import find_recipe, list_recipes
from ddkit.toml import read_toml

ANY_IMAGE = (3, 2**14, 2**14)
"""An image shape (channels, height, width) larger than any real one. A network that cannot be built for it cannot be
built for any images."""


def resolve(
    *,
    recipe: str | Path | None = None,
    method: str | None = None,
    data: str | None = None,
    ipc: int | None = None,
    seed: int | None = None,
    fyi: bool = False,
    overrides: tuple[str, ...] = (),
) -> tuple[Recipe, str]:
    """The resolved recipe, and a line that names its source.

    If `recipe` is None, `choose_recipe` selects a shipped one. Arguments replace settings of the recipe, and
    `overrides` replace both.

    Raises:
        UsageError: an unknown method, or a recipe that cannot be read.
    """
    if recipe is None:
        method = "ftd" if method is None else method
        recipe, wanted = choose_recipe(method, data, ipc)
        if recipe is None:
            where, tables = f"method '{method}'", {"method": {"name": method}}
        else:
            where, text = find_recipe(recipe)
            tables = read_toml(text, where)
    else:
        wanted = str(recipe)
        where, text = find_recipe(recipe)
        tables = read_toml(text, where)
    changed = override(tables, Request(method, data, ipc, fyi, recipe, seed, overrides).assignments)
    another = method_named(changed) != method_named(tables)
    if another and "experts" in tables and not any(text.startswith("experts.") for text in overrides):
        if _needs_no_experts(changed) and not _needs_no_experts(tables):
            del changed["experts"]  # the recipe has it for its own method
    refuse_graphs(changed, where)
    refuse_views_of_other_methods(changed)
    resolved = parse_images(changed, where)
    refuse_impossible(resolved, where)
    origin = f"recipe {recipe}"
    if recipe is None or str(recipe) != wanted:
        if ipc is None:  # overrides may set it
            wanted = f"{wanted.rpartition('-')[0]}-{ipc_in_names(resolved.method.ipc)}"
        used = f"the defaults of {method}" if recipe is None else f"{recipe}'s settings"
        origin = f"no recipe for {wanted}; using {used}, not tuned for it"
    return resolved, origin + dropped(tables, changed)


def parse_images(tables: Mapping[str, Any], where: str) -> Recipe:
    """The recipe of TOML tables, with defaults for missing sections.

    Raises:
        RecipeError: an unknown section, key or name, or a value out of range.
    """
    return with_defaults(parse_recipe(tables, IMAGES, where))


def refuse_impossible(recipe: Recipe, where: str) -> None:
    """Raise RecipeError for settings that no data could make valid; the line names the key.

    These are unknown names of data, unknown augmentations and networks that cannot be built.
    """
    refuse_unknown(recipe.data.name, recipe.data.reading)
    try:
        DSA(recipe.data.augment)
    except UsageError as error:
        raise RecipeError(f"{where}, key 'data.augment': {error}") from None
    try:
        if not recipe.net.foreign:  # foreign networks may be for small images only
            recipe.net.blueprint(ANY_IMAGE, 10)
    except UsageError as error:
        raise RecipeError(f"{where}, section 'net': {error}") from None


def choose_recipe(method: str, data: str | None, ipc: int | None) -> tuple[str | None, str]:
    """(the shipped recipe that fits best, the name of a recipe that would fit exactly).

    The first is the method's recipe for the data, else its recipe for digits, else None. If there are several, it is
    the one of the nearest ipc by ratio (the smaller of two equally near), or of the smallest ipc if `ipc` is None.

    Raises:
        UsageError: an unknown method.
    """
    method_class(method)
    data = data or "digits"
    for made_for in (data, "digits"):
        prefix = f"{method}-{made_for}-ipc"
        ipcs = [int(suffix) for name in list_recipes() if (suffix := name.removeprefix(prefix)).isdecimal()]
        if ipcs:
            nearest_ipc = min(ipcs, key=lambda own: (abs(math.log(own / max(1, ipc or 1))), own))
            wanted = ipc or (nearest_ipc if made_for == data else 1)
            return f"{prefix}{nearest_ipc}", f"{method}-{data}-ipc{wanted}"
    return None, f"{method}-{data}-ipc{ipc or 1}"


def source_data(method: str | None, data: str | None, ipc: int | None) -> str | None:
    """The data that the recipe of `choose_recipe` was made for; None if there is no recipe."""
    recipe, _ = choose_recipe("ftd" if method is None else method, data, ipc)
    if recipe is None:
        return None
    where, text = find_recipe(recipe)
    name: str = read_toml(text, where)["data"]["name"]
    return name


def refuse_graphs(tables: dict[str, Any], where: str) -> None:
    """Raise RecipeError if the recipe's method is for graphs, or its data are graphs."""
    name = method_named(tables)
    if name in method_names("graphs"):
        raise RecipeError(
            f"{where}: method '{name}' is for graphs, but this call needs a method for images; name a recipe of "
            f"{', '.join(method_names('images'))}"
        )
    if is_graphs(data := data_named(tables)):
        raise RecipeError(
            f"{where}: data '{data}' are graphs, but method '{name}' is for images; name images (`ddkit data ls` lists "
            f"them), or a method for graphs: {', '.join(method_names('graphs'))}"
        )


def method_named(tables: dict[str, Any]) -> str | None:
    """The value of method.name, which may be unknown; None if it is missing or not a text."""
    table = tables.get("method")
    name = table.get("name") if isinstance(table, dict) else None
    return name if isinstance(name, str) else None


def data_named(tables: dict[str, Any]) -> str:
    """The value of data.name; "" if it is missing or not a text."""
    table = tables.get("data")
    name = table.get("name") if isinstance(table, dict) else None
    return name if isinstance(name, str) else ""


def _needs_no_experts(tables: dict[str, Any]) -> bool:
    """Whether the recipe's method is known and reads no experts."""
    name = method_named(tables)
    return name is not None and name in method_names() and method_class(name).settings_class.expert_kind is None


VIEWS = {
    "fyi": "learns no images, so FYI has no effect; leave it out",
    "formation": "cannot pack the images that it stores; leave it out",
}
"""Settings of what a method makes of its images, and the end of the error line for a method that has none."""


def refuse_views_of_other_methods(tables: dict[str, Any]) -> None:
    """Raise RecipeError if the recipe sets FYI or a formation for a method that has no such setting."""
    name = method_named(tables)
    given = [] if name is None else [key for key in VIEWS if key in tables["method"]]
    for key in given:
        known = {field.name for field in dataclasses.fields(IMAGES.settings_class("method", str(name)))}
        if key not in known:
            raise RecipeError(f"key 'method.{key}': method '{name}' {VIEWS[key]}")


def with_defaults(written: WrittenRecipe) -> Recipe:
    """The resolved recipe. A missing [net] has its defaults, and so has a missing [experts] if the method reads any.

    Raises:
        RecipeError: experts that the method does not read, or another kind than the method reads.
    """
    method: MethodSettings = written.sections["method"]
    experts: ExpertSettings | None = written.sections.get("experts")
    kind = method.expert_kind
    if kind is None and experts is not None:
        raise RecipeError(f"section 'experts': method '{method.name}' reads no experts; remove the section")
    experts = experts or (expert_settings(kind)() if kind else None)
    if kind and experts is not None and expert_settings(kind).gives != experts.gives:
        wanted = "teachers" if experts.gives != TEACHERS else "trajectories of experts, which teachers do not have"
        raise RecipeError(
            f"key 'experts.name': method '{method.name}' needs {wanted}; set it to \"{kind}\", got \"{experts.name}\""
        )
    net = written.sections.get("net") or net_settings("convnet")()
    refuse_trained(net)
    for name in experts.named if isinstance(experts, TeacherSettings) else ():
        if name.startswith("py:"):
            parse_net(name)  # the user named the recipe, and so the code that the recipe names
    return Recipe(**{**written.sections, "net": net, "experts": experts}, seed=written.seed)
