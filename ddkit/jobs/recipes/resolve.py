"""From flags, names and files to one resolved recipe."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ddkit.data import DSA, refuse_unknown
from ddkit.errors import RecipeError, UsageError
from ddkit.experts import ExpertSettings, expert_settings
from ddkit.experts.settings import TEACHERS
from ddkit.graphs import is_graphs
from ddkit.jobs.recipes import IMAGES, Recipe, WrittenRecipe, parse_recipe
from ddkit.jobs.recipes.request import Request
from ddkit.methods import MethodSettings, method_class, method_names
from ddkit.methods.table import GRAPH_METHODS
from ddkit.nets import net_settings
from ddkit.recipe import dropped, override
from ddkit.recipe_files import find_recipe, list_recipes
from ddkit.toml import read_toml

ANY_IMAGE = (3, 2**14, 2**14)
"""Images that are larger than any, (channels, height, width): a network that is refused on them is refused on all."""


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
    """The recipe that the flags ask for, every setting filled in, and a line that says where it comes from.

    Without `recipe`, `choose` takes a shipped one, and the flags are laid over it. Explicit flags win over the recipe,
    `overrides` over both.

    Raises:
        UsageError: an unknown method or a recipe that cannot be read.
    """
    if recipe is None:
        method = method or "ftd"
        recipe, wanted = choose(method, data, ipc)
        if recipe is None:
            where, tables = f"method '{method}'", {"method": {"name": method}}
        else:
            where, text = find_recipe(recipe)
            tables = read_toml(text, where)
        origin = f"recipe {recipe}"
        if recipe != wanted:
            used = "the defaults of " + method if recipe is None else recipe + "'s settings"
            origin = f"no recipe for {wanted}; using {used}, not tuned for it"
    else:
        where, text = find_recipe(recipe)
        tables, origin = read_toml(text, where), f"recipe {recipe}"
    asked_for = override(tables, Request(method, data, ipc, fyi, recipe, seed, overrides).assignments)
    another = method_named(asked_for) != method_named(tables)
    if another and "experts" in tables and not any(one.startswith("experts.") for one in overrides):
        if _reads_none(asked_for) and not _reads_none(tables):
            del asked_for["experts"]  # the recipe's own, for another method
    refuse_graphs(asked_for, where)
    refuse_fyi_of_real_images(asked_for)
    filled = parse_images(asked_for, where)
    refuse_impossible(filled, where)
    return filled, origin + dropped(tables, asked_for)


def parse_images(tables: Mapping[str, Any], where: str) -> Recipe:
    """The recipe of TOML tables, with the field's defaults for sections that are missing.

    Raises:
        RecipeError: an unknown section, key or name, or a value out of range.
    """
    return fill(parse_recipe(tables, IMAGES, where))


def refuse_impossible(recipe: Recipe, where: str) -> None:
    """Raise for what no data could mend: an unknown name of data, an unknown augmentation, a network that cannot be
    built.

    Raises:
        RecipeError: the key is named.
    """
    refuse_unknown(recipe.data.name)
    try:
        DSA(recipe.data.augment)
    except UsageError as error:
        raise RecipeError(f"{where}, key 'data.augment': {error}") from None
    try:
        with torch.device("meta"):
            recipe.net.build(ANY_IMAGE, 10)
    except UsageError as error:
        raise RecipeError(f"{where}, section 'net': {error}") from None


def choose(method: str, data: str | None, ipc: int | None) -> tuple[str | None, str]:
    """(the shipped recipe that serves for what is asked, the name of one that would be made for it).

    The first is the method's recipe for the data, else its recipe for digits, else None. Of several it is the one of
    the nearest ipc, by ratio, the smaller of two equally near; without an ipc, that of the smallest.

    Raises:
        UsageError: an unknown method.
    """
    method_class(method)
    data = data or "digits"
    for lender in (data, "digits"):
        begins = f"{method}-{lender}-ipc"
        ipcs = [int(end) for name in list_recipes() if (end := name.removeprefix(begins)).isdecimal()]
        if ipcs:
            near = min(ipcs, key=lambda own: (abs(math.log(own / max(1, ipc or 1))), own))
            asked = ipc or (near if lender == data else 1)
            return f"{begins}{near}", f"{method}-{data}-ipc{asked}"
    return None, f"{method}-{data}-ipc{ipc or 1}"


def lent_by(method: str | None, data: str | None, ipc: int | None) -> str | None:
    """The data that the recipe which `choose` takes was made for; None where it takes none."""
    recipe, _ = choose(method or "ftd", data, ipc)
    if recipe is None:
        return None
    where, text = find_recipe(recipe)
    name: str = read_toml(text, where)["data"]["name"]
    return name


def refuse_graphs(tables: dict[str, Any], where: str) -> None:
    """Raise RecipeError if the recipe is one for graphs, which other jobs resolve, or its data are graphs."""
    if (name := method_named(tables)) in GRAPH_METHODS:
        raise RecipeError(
            f"{where}: method '{name}' is for graphs; use `ddkit condense`, or `ddkit graphs` for a table"
        )
    if is_graphs(data := data_named(tables)):
        raise RecipeError(
            f"{where}: data '{data}' are graphs, but method '{name}' is for images; the methods for graphs are "
            f"{', '.join(GRAPH_METHODS)}"
        )


def method_named(tables: dict[str, Any]) -> str | None:
    """What the recipe says its method is called, which need be no method's name; None where it says no text."""
    table = tables.get("method")
    name = table.get("name") if isinstance(table, dict) else None
    return name if isinstance(name, str) else None


def data_named(tables: dict[str, Any]) -> str:
    """What the recipe says its data is called; "" where it says nothing, or no text."""
    table = tables.get("data")
    name = table.get("name") if isinstance(table, dict) else None
    return name if isinstance(name, str) else ""


def _reads_none(tables: dict[str, Any]) -> bool:
    """Whether the recipe's method is known, and one without experts."""
    name = method_named(tables)
    return name is not None and name in method_names() and method_class(name).settings_class.expert_kind is None


def refuse_fyi_of_real_images(tables: dict[str, Any]) -> None:
    """Raise RecipeError if FYI is asked of a method that learns no images."""
    name = method_named(tables)
    if name is None or "fyi" not in tables["method"]:
        return
    if "fyi" not in {field.name for field in dataclasses.fields(IMAGES.settings_class("method", name))}:
        raise RecipeError(
            f"key 'method.fyi': method '{name}' learns no images, so FYI could change nothing; leave it out"
        )


def fill(written: WrittenRecipe) -> Recipe:
    """The resolved recipe. Without [net] or [experts] it gets the field's defaults, where its method needs them.

    Raises:
        RecipeError: experts that the method does not read, or of another sort than it reads.
    """
    method: MethodSettings = written.sections["method"]
    experts: ExpertSettings | None = written.sections.get("experts")
    kind = method.expert_kind
    if kind is None and experts is not None:
        raise RecipeError(f"section 'experts': method '{method.name}' reads no experts; remove the section")
    experts = experts or (expert_settings(kind)() if kind else None)
    if kind and experts is not None and expert_settings(kind).gives != experts.gives:
        wanted = "teachers" if experts.gives != TEACHERS else "trajectories of experts, which teachers have none of"
        raise RecipeError(
            f"key 'experts.name': method '{method.name}' needs {wanted}; let it be \"{kind}\", got \"{experts.name}\""
        )
    net = written.sections.get("net") or net_settings("convnet")()
    return Recipe(**{**written.sections, "net": net, "experts": experts}, seed=written.seed)
