"""Go on with a run under its own recipe, and keep a record of what was changed on the way."""

from typing import Any

from ddkit.errors import RecipeError, UsageError
from ddkit.jobs.flip_guard import OVERRIDE
from ddkit.jobs.recipes import IMAGES, Recipe, parse_recipe
from ddkit.jobs.resolve import fill
from ddkit.recipe import override
from ddkit.run import Change, RunFolder, checkpoint_iteration
from ddkit.toml import read_toml

CHANGEABLE = ("method.", "evaluate.", OVERRIDE)
FIXED = ("method.name", "method.ipc", "method.fyi")


def refuse_empty(folder: RunFolder) -> None:
    """Raise UsageError if there is no run to go on with."""
    if not folder.recipe.exists():
        raise UsageError(f"folder '{folder.path}': holds no run to resume; leave --resume out to begin one")


def resumed(folder: RunFolder, asked: tuple[str, ...]) -> tuple[Recipe, list[Change]]:
    """The folder's own recipe with what was asked laid over it, and all that was changed since the run began, oldest
    first. Nothing is written. Repeating what the recipe says anyway is allowed.

    A changed setting of the method holds from the last checkpoint on. It belongs into the folder's `changes` and into
    the set's lineage, since the recipe alone would then claim more than is true.

    Raises:
        UsageError: there is no run, a setting that cannot change, or a change that no iteration would see.
        DataError: a file of the folder is damaged.
    """
    where = f"recipe '{folder.recipe}'"
    refuse_empty(folder)
    tables = read_toml(folder.read_recipe(), where)
    laid_over = override(tables, asked)
    recipe = fill(parse_recipe(laid_over, IMAGES, where))
    done = checkpoint_iteration(folder.checkpoint) if folder.checkpoint.exists() else 0
    before, changes = folder.read_changes(), []
    for key in dict.fromkeys(assignment.partition("=")[0].strip() for assignment in asked):
        was, now = _value(tables, key), _value(laid_over, key)
        if was == now:
            continue
        fixed = key in FIXED or key in {f"method.{name}" for name in recipe.method.fixed}
        if not key.startswith(CHANGEABLE) or fixed:
            raise RecipeError(
                f"{where}, key '{key}': is {was!r} in this run and cannot become {now!r}; begin a new one"
            )
        if key.startswith("method."):
            changes.append(Change(done, key, was, now))
    steps = recipe.method.total_iterations
    if changes and steps is not None and steps <= done:
        raise RecipeError(
            f"{where}: {done} iterations are done, so no iteration would see '{changes[0].key}' change; "
            "raise method.iterations, or begin a new run"
        )
    return recipe, before + changes


def _value(tables: dict[str, Any], key: str) -> Any:
    section, _, name = key.rpartition(".")
    return (tables.get(section, {}) if section else tables).get(name)
