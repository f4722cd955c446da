"""Go on with a run under its own recipe, and keep a record of what was changed on the way."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ddkit.errors import RecipeError
from ddkit.jobs.flips.guard import OVERRIDE
from ddkit.jobs.recipes import GraphRecipe, Recipe
from ddkit.jobs.runs.run import refuse_empty
from ddkit.recipe import override
from ddkit.run import Change, RunFolder, checkpoint_iteration
from ddkit.toml import read_toml

CHANGEABLE = ("method.", "evaluate.", OVERRIDE)
FIXED = ("method.name", "method.ipc", "method.fyi")

Resolved = TypeVar("Resolved", Recipe, GraphRecipe)


def resumed(
    folder: RunFolder, asked: tuple[str, ...], parse: Callable[[Mapping[str, Any], str], Resolved]
) -> tuple[Resolved, list[Change]]:
    """The folder's own recipe with the assignments `asked` laid over it, and all changes since the run began, oldest
    first. Nothing is written. An assignment that repeats the recipe is allowed.

    A changed setting of the method holds from the last checkpoint on. It belongs into the folder's `changes` and into
    the set's lineage, since the recipe alone would then claim more than is true. A one-shot method has no iterations
    that could see a change, so its settings cannot change.

    Raises:
        UsageError: there is no run, a setting that cannot change, or a change that no iteration would see.
        DataError: a file of the folder is damaged.
    """
    where = f"recipe '{folder.recipe}'"
    refuse_empty(folder)
    tables = read_toml(folder.read_recipe(), where)
    laid_over = override(tables, asked)
    recipe = parse(laid_over, where)
    steps = recipe.method.total_iterations
    done = checkpoint_iteration(folder.checkpoint) if folder.checkpoint.exists() else 0
    before, changes = folder.read_changes(), []
    for key in dict.fromkeys(assignment.partition("=")[0].strip() for assignment in asked):
        was, now = _value(tables, key), _value(laid_over, key)
        if was == now:
            continue
        fixed = key in FIXED or key in {f"method.{name}" for name in recipe.method.fixed}
        fixed |= steps == 0 and key.startswith("method.")
        if not key.startswith(CHANGEABLE) or fixed:
            raise RecipeError(
                f"{where}, key '{key}': is {was!r} in this run and cannot become {now!r}; begin a new one"
            )
        if key.startswith("method."):
            changes.append(Change(done, key, was, now))
    if changes and steps is not None and steps <= done:
        raise RecipeError(
            f"{where}: {done} iterations are done, so no iteration would see '{changes[0].key}' change; "
            "raise method.iterations, or begin a new run"
        )
    return recipe, before + changes


def _value(tables: dict[str, Any], key: str) -> Any:
    section, _, name = key.rpartition(".")
    return (tables.get(section, {}) if section else tables).get(name)
