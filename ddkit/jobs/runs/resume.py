"""Resume a run under its own recipe, and record the settings that were changed."""

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
"""Prefixes of the keys that may change when a run is resumed."""

FIXED = ("method.name", "method.ipc", "method.fyi", "method.formation")
"""Keys of [method] that may not change; `MethodSettings.fixed` adds those of one method."""

Resolved = TypeVar("Resolved", Recipe, GraphRecipe)


def resumed(
    folder: RunFolder, assignments: tuple[str, ...], parse: Callable[[Mapping[str, Any], str], Resolved]
) -> tuple[Resolved, list[Change]]:
    """The folder's recipe with `assignments` applied, and all changes since the run began, oldest first.

    Nothing is written. An assignment that repeats the recipe's value is allowed.

    A changed setting of the method has effect from the last checkpoint on. The folder's `changes` and the set's lineage
    record it, because the recipe alone would then not describe how the set was made. The settings of a one-shot method
    cannot change, because it has no iterations.

    Raises:
        UsageError: there is no run, a setting cannot change, or no iteration is left on which a change has effect.
        DataError: a file of the folder is damaged.
    """
    where = f"recipe '{folder.recipe}'"
    refuse_empty(folder)
    tables = read_toml(folder.read_recipe(), where)
    changed = override(tables, assignments)
    recipe = parse(changed, where)
    steps = recipe.method.total_iterations
    done = checkpoint_iteration(folder.checkpoint) if folder.checkpoint.exists() else 0
    before, changes = folder.read_changes(), []
    for key in dict.fromkeys(assignment.partition("=")[0].strip() for assignment in assignments):
        was, now = _value(tables, key), _value(changed, key)
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
            f"{where}: {done} iterations are done, so a change of '{changes[0].key}' has no effect; "
            "raise method.iterations, or begin a new run"
        )
    return recipe, before + changes


def _value(tables: dict[str, Any], key: str) -> Any:
    section, _, name = key.rpartition(".")
    return (tables.get(section, {}) if section else tables).get(name)
