"""Refuse flips where a mirrored image loses its label.

The recipe's `data.flips_keep_label` decides; if it is not set, the dataset's own fact decides; if the dataset states
none, a measurement decides (`flip_test`). Where the recipe allows flips that the dataset forbids, the measurement is
made too, and its result is reported.
"""

from collections.abc import Sequence

from ddkit.data import DSA, DataSettings, RealData
from ddkit.errors import UsageError
from ddkit.jobs.flips.measure import flip_test
from ddkit.jobs.recipes import Recipe
from ddkit.run import Meter
from ddkit.task import Task

OVERRIDE = "data.flips_keep_label"
"""The key that allows or forbids flips. It does not affect images."""


def guard_flips(recipe: Recipe, task: Task, meter: Meter, policies: Sequence[str] = ()) -> bool:
    """Refuse a recipe whose flips change labels, and return whether it has any flips.

    `policies` replace the recipe's own policy `evaluate.flips`.

    Raises:
        UsageError: flips are enabled, and a mirrored image does not keep its label.
    """
    cause = _cause_of_flips(recipe, task.dsa, policies or (recipe.evaluate.flips,))
    if cause is None:
        return False
    key, fix = cause
    refuse_harmful_flips(key, fix, recipe.data, task.real, meter)
    return True


def refuse_harmful_flips(key: str, fix: str, settings: DataSettings, real: RealData, meter: Meter) -> None:
    """Raise UsageError if a mirrored image does not keep its label.

    Args:
        key: the setting that enables flips.
        fix: the change that disables them.
        settings: the recipe's [data].
        real: the data.
        meter: gets the result of a measurement.
    """
    if reason := reason_against_flips(settings, real, meter):
        allowed = f"--set {OVERRIDE}=true if mirrored images keep their label"
        raise UsageError(f"key '{key}': mirrors images, but {reason}; {fix}, or {allowed}")


def reason_against_flips(settings: DataSettings, real: RealData, meter: Meter) -> str | None:
    """Why images must not be mirrored; None if they may be. `meter` gets the result of a measurement."""
    name, fact, setting = real.data.name, real.data.flips_keep_label, settings.flips_keep_label
    if setting is False:
        return f"{OVERRIDE} is false"
    if setting is None and fact is False:
        return f"a mirrored image of '{name}' no longer has its label"
    if setting or fact:
        if fact is False:
            meter.say(f"flips on '{name}', whose labels they change: {flip_test(real, meter)}")
        return None
    found = flip_test(real, meter)
    unclear = f"; this is not conclusive: set {OVERRIDE} to true or false" if found.undecided else ""
    meter.say(f"flips on '{name}', which does not state whether they keep the label: {found}{unclear}")
    return f"{found}, so a mirrored image seems not to keep its label" if found.harmful else None


def augmentation_flips(dsa: DSA) -> tuple[str, str]:
    """The key and the fix for flips that an augmentation enables."""
    return "data.augment", f"use --set data.augment={dsa.without_flip()}"


def _cause_of_flips(recipe: Recipe, dsa: DSA, policies: Sequence[str]) -> tuple[str, str] | None:
    """The key that enables flips, and the change that disables them; None if images are not mirrored.

    Methods that require flips are checked first, so that the error names them.
    """
    if recipe.method.mirrored_by:
        return recipe.method.mirrored_by
    if dsa.flips:
        return augmentation_flips(dsa)
    if "always" in policies:
        return "evaluate.flips", "set it to augment"
    return None
