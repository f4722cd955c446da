"""Whether images may be mirrored: refused where a mirrored image no longer has its label.

A dataset says so itself, or the recipe says it (`data.flips_keep_label`, which wins). Where neither does it is measured
(`flip_test`), and the measurement decides; where the recipe allows what the dataset forbids, it is measured too, and
said what flips cost.
"""

from collections.abc import Sequence

from ddkit.data import DSA, DataSettings, RealData
from ddkit.errors import UsageError
from ddkit.jobs.flips.measure import flip_test
from ddkit.jobs.recipes import Recipe
from ddkit.run import Meter
from ddkit.task import Task

OVERRIDE = "data.flips_keep_label"
"""The key that allows or forbids flips; it shapes no image."""


def guard_flips(recipe: Recipe, task: Task, meter: Meter, policies: Sequence[str] = ()) -> bool:
    """Let a recipe's flips pass, or not; `policies` are those of `evaluate.flips` that come in the recipe's place.
    Returns whether it has any.

    Raises:
        UsageError: images would be mirrored whose label a mirror changes.
    """
    asked = _who_flips(recipe, task.dsa, policies or (recipe.evaluate.flips,))
    if asked is not None:
        refuse_harmful_flips(*asked, recipe.data, task.real, meter)
    return asked is not None


def refuse_harmful_flips(key: str, fix: str, settings: DataSettings, real: RealData, meter: Meter) -> None:
    """Raise UsageError if a mirrored image does not keep its label; `key` wants flips, `fix` is how to do without."""
    if why := why_no_flips(settings, real, meter):
        raise UsageError(f"key '{key}': mirrors images, but {why}; {fix}, or --set {OVERRIDE}=true if you know better")


def why_no_flips(settings: DataSettings, real: RealData, meter: Meter) -> str | None:
    """Why images must not be mirrored; None: they may be. Where it is measured, `meter` says what was found."""
    name, fact, said = real.data.name, real.data.flips_keep_label, settings.flips_keep_label
    if said is False:
        return f"{OVERRIDE} is false"
    if said is None and fact is False:
        return f"a mirrored image of '{name}' no longer has its label"
    if said or fact:
        if fact is False:
            meter.say(f"flips on '{name}', whose labels they change: {flip_test(real, meter)}")
        return None
    found = flip_test(real, meter)
    rest = f"; too little to tell: say {OVERRIDE}=true or false" if found.undecided else ""
    meter.say(f"flips on '{name}', of which nobody says whether they keep the label: {found}{rest}")
    return f"{found}, so that a mirrored image does not seem to keep its label" if found.harmful else None


def augmentation_flips(dsa: DSA) -> tuple[str, str]:
    """The key that has images mirrored, and what to write instead, where it is an augmentation's doing."""
    return "data.augment", f"use --set data.augment={dsa.without_flip()}"


def _who_flips(recipe: Recipe, dsa: DSA, policies: Sequence[str]) -> tuple[str, str] | None:
    """The key that has images mirrored, and what to write instead."""
    if recipe.method.mirrored_by:
        return recipe.method.mirrored_by
    if dsa.flips:
        return augmentation_flips(dsa)
    if "always" in policies:
        return "evaluate.flips", "let it be augment"
    return None
