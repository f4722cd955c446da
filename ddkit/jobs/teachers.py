"""Train the teachers of a recipe, find their files and remove them."""

import shutil
from pathlib import Path

from ddkit.arguments import checked
from ddkit.errors import DataError, UsageError, nearest
from ddkit.experts import Ensemble
from ddkit.home import home
from ddkit.jobs.data.loading import load_task
from ddkit.jobs.flips.guard import augmentation_flips, refuse_harmful_flips
from ddkit.jobs.machine.device import pick_device
from ddkit.jobs.recipes.resolve import resolve
from ddkit.run import Meter, SilentMeter


@checked
def train_teachers(
    recipe: str | Path | None = None,
    *,
    data: str | None = None,
    overrides: tuple[str, ...] = (),
    device: str = "auto",
    meter: Meter | None = None,
) -> Ensemble:
    """The teachers of a recipe. Missing ones are trained.

    Args:
        recipe: a recipe with [experts] name = "teacher"; default INFER's for digits.
        data: a dataset instead of the recipe's.
        overrides: "section.key=value" texts.
        device: "auto", "cpu", "cuda", ...
        meter: progress; default silent.

    Example:
        >>> [round(teacher.facts.validation_accuracy, 2) for teacher in train_teachers()]

    Raises:
        UsageError: the recipe has no teachers, or their training would mirror images whose label a mirror changes.
    """
    resolved, _ = resolve(recipe=recipe, method=None if recipe else "infer", data=data, overrides=overrides)
    if not resolved.has_teachers:
        raise UsageError(f"recipe '{recipe}': has no teachers; set name = \"teacher\" in [experts]")
    task, meter = load_task(resolved.data, resolved.net, pick_device(device)), meter or SilentMeter()
    if task.dsa.flips:
        key, fix = augmentation_flips(task.dsa)
        refuse_harmful_flips(key, fix, resolved.data, task.real, meter)
    with resolved.source(task).obtain(meter) as found:
        assert found.teachers is not None
        return found.teachers


def teacher_files(names: tuple[str, ...]) -> list[Path]:
    """The bundle files of these names, or all bundle files if `names` is empty.

    Raises:
        DataError: there is no bundle of a name.
    """
    found = {file.stem: file for file in sorted((home() / "teachers").glob("*.pt"))}
    for name in names:
        if name not in found:
            raise DataError(f"teacher '{name}': does not exist; {nearest(name, found) if found else 'there are none'}")
    return [found[name] for name in names] if names else list(found.values())


def remove_teacher(file: Path) -> str:
    """Delete a teacher's file, or the link to it, and return a line that says what was deleted.

    Raises:
        DataError: it cannot be deleted.
    """
    try:
        if file.is_symlink():
            line = f"removed the link {file.stem}; its target {file.resolve()} is kept"
        else:
            line = f"removed {file.stem}"
        if file.is_dir() and not file.is_symlink():
            shutil.rmtree(file)
        else:
            file.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(
            f"teacher '{file}': cannot be removed: {error.strerror or error}; correct its permissions"
        ) from error
    return line
