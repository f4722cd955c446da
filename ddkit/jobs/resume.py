"""Go on with a run under its own recipe, and keep a record of what was changed on the way."""

import json
from typing import Any

from ddkit.errors import RecipeError, UsageError
from ddkit.jobs.flip_guard import OVERRIDE
from ddkit.jobs.resolve import fill, settings_class
from ddkit.recipe import Recipe, override, parse_recipe, read_toml
from ddkit.run import RunFolder, checkpoint_iteration

CHANGEABLE = ("method.", "evaluate.", OVERRIDE)
FIXED = ("method.name", "method.ipc", "method.fyi")


def resumed(folder: RunFolder, asked: tuple[str, ...]) -> Recipe:
    """The folder's own recipe with what was asked laid over it; repeating what it says anyway is allowed.

    A changed setting of the method holds from the last checkpoint on. It is noted in the folder (`read_changes`) and
    from there in the set's lineage, since the recipe alone would then claim more than is true.

    Raises:
        UsageError: there is no run, a setting that cannot change, or a change that no iteration would see.
    """
    where = f"recipe '{folder.recipe}'"
    if not folder.recipe.exists():
        raise UsageError(f"folder '{folder.path}': holds no run to resume; leave --resume out to begin one")
    tables = read_toml(folder.recipe.read_text(), where)
    laid_over = override(tables, asked)
    recipe = fill(parse_recipe(laid_over, settings_class, where))
    done = checkpoint_iteration(folder.checkpoint) if folder.checkpoint.exists() else 0
    changes = []
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
            changes.append({"from_iteration": done, "key": key, "was": was, "now": now})
    steps = recipe.method.total_iterations
    if changes and steps is not None and steps <= done:
        raise RecipeError(
            f"{where}: {done} iterations are done, so no iteration would see '{changes[0]['key']}' change; "
            "raise method.iterations, or begin a new run"
        )
    if changes:
        folder.write_text(folder.changes, json.dumps(read_changes(folder) + changes, indent=2) + "\n")
    return recipe


def read_changes(folder: RunFolder) -> list[dict[str, Any]]:
    """Settings of the method that changed between this run's beginning and now, oldest first."""
    return json.loads(folder.changes.read_text()) if folder.changes.exists() else []


def _value(tables: dict[str, Any], key: str) -> Any:
    section, _, name = key.rpartition(".")
    return (tables.get(section, {}) if section else tables).get(name)
