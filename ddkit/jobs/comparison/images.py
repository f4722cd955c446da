"""One table: several recipes, several sets each, beside rivals of the same size and the whole data, all trained alike.

Three stages, each of which goes on where a killed one stopped: experts are collected; every recipe is condensed under
every seed, each into a run folder named after what was asked; every row is scored, and its score kept in a file named
after all that it depends on. On a CPU the last two stages run a process on each core.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from ddkit.data import DataSettings, refuse_small_classes
from ddkit.errors import UsageError
from ddkit.evaluation import Table, class_notes, read_score
from ddkit.jobs.comparison.cells import Cell, plan_lines
from ddkit.jobs.comparison.entry import CondenseSet, DamagedSet, Entry, collect_experts, refuse_another, teachers_for
from ddkit.jobs.comparison.faculty import label_notes, one_faculty, refuse_unclear_labels
from ddkit.jobs.comparison.lines import Comparison, Line
from ddkit.jobs.comparison.rules import Rules, flip_policy
from ddkit.jobs.data.lay_out import lay_out, say_data
from ddkit.jobs.flips.guard import guard_flips
from ddkit.jobs.machine.device import pick_device
from ddkit.jobs.machine.spread import spread
from ddkit.jobs.recipes.request import FYI, Comparing
from ddkit.jobs.recipes.resolve import resolve
from ddkit.run import Meter
from ddkit.task import Task


def compare_images(comparing: Comparing, meter: Meter) -> Comparison:
    """The comparison of recipes for images; see `ddkit.compare`."""
    flips, labels, on, sets = comparing.flips, comparing.labels, comparing.on, comparing.sets
    out, where, overrides = comparing.out, pick_device(comparing.device), comparing.overrides
    if comparing.nets is not None:
        overrides = (*overrides, f"evaluate.nets={comparing.nets}")
    entries = [_entry(str(name), overrides, sets) for name in comparing.recipes]
    if len({entry.name for entry in entries}) < len(entries):
        raise UsageError("compare: two recipes have one name; name each once")

    laid_out: dict[tuple[DataSettings, Any], Task] = {}
    for entry in entries:
        recipe, key = entry.recipes[0], entry.task_key
        if key not in laid_out:
            laid_out[key] = lay_out(recipe.data, recipe.net, where)
        refuse_small_classes(laid_out[key].real.train.labels, recipe.method.ipc)
    groups: dict[tuple[Any, ...], list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.group, []).append(entry)
    for members in groups.values():
        for policy in labels or (members[0].recipes[0].evaluate.labels,):
            refuse_unclear_labels(members, policy)
    _guard_groups(groups.values(), laid_out, flips, meter)
    for task in laid_out.values():
        say_data(task, meter)
    runs = [(entry, recipe) for entry in entries for recipe in entry.recipes]
    damaged: dict[Path, str] = {}
    for entry, recipe in runs:
        folder = entry.folder(out, recipe)
        try:
            refuse_another(folder, recipe, laid_out[entry.task_key].real)
        except DamagedSet as error:
            if entry.finished(out, recipe):  # else it is written anew
                damaged[folder.set] = f"left out: {error}"
                meter.say(damaged[folder.set])
    unfinished = [run for run in runs if not run[0].finished(out, run[1])]
    wanting = dict.fromkeys(entry for entry, _ in unfinished)
    for entry in sorted(wanting, key=lambda one: -one.recipes[0].method.reads_epochs):  # else shared ones grow twice
        collect_experts(entry, laid_out[entry.task_key], out, meter)
    hired = {entry: teachers_for(entry, laid_out[entry.task_key], meter) for entry in entries}
    making = [CondenseSet(entry, recipe, out, where) for entry, recipe in unfinished]
    spread(making, laid_out, where, "condensing sets", meter)

    tables: dict[tuple[Any, ...], tuple[list[Entry], Rules]] = {}  # each once, whatever two policies amount to
    for flip, label, (group, members) in product(flips or (None,), labels or (None,), groups.items()):
        rules = Rules.of(members, laid_out[members[0].task_key], on, flip, label, one_faculty(members, hired))
        tables.setdefault((group, rules.task.dsa.strategy, rules.labels), (members, rules))
    planned = [
        line
        for number, (members, rules) in enumerate(tables.values())
        for line in plan_lines(members, rules, number, out, damaged)
    ]
    judged = [rules.table for _, rules in tables.values()]
    waiting = {cell.file: cell for cells, _ in planned for cell in cells if not cell.file.exists()}
    if on == "test":
        for number in {cell.table for cell in waiting.values()}:
            _ = judged[number].task.real.test  # prepared here, once, and not in every process
    spread(list(waiting.values()), judged, where, "scoring sets", meter)
    lines = [
        dataclasses.replace(line, scores=tuple(read_score(cell.file) for cell in cells)) if cells else line
        for cells, line in planned
    ]
    told = dict.fromkeys(note for members in groups.values() for note in label_notes(members, hired, labels))
    shares = {line.flip_share for line in lines}
    apart = ("rows under different flips are no measure of each other",) if len(shares) > 1 else ()
    told |= dict.fromkeys(note for task in laid_out.values() for note in class_notes(task.real, on))
    notes = (*_notes(entries, sets, on), *told, *apart, _augmentations(judged, planned), *damaged.values())
    return Comparison(on, tuple(lines), notes, tuple(map(str, damaged)))


def _entry(name: str, overrides: tuple[str, ...], sets: int) -> Entry:
    """One recipe under as many seeds as there are to be sets."""
    recipe = name.removesuffix(FYI)
    flags = ("method.fyi=true",) if name.endswith(FYI) else ()
    first, _ = resolve(recipe=recipe, overrides=overrides + flags)
    forms = tuple(dataclasses.replace(first, seed=first.seed + i) for i in range(sets))
    return Entry(Path(recipe).name.removesuffix(".toml") + "-fyi" * bool(flags), forms)


def _guard_groups(groups: Iterable[list[Entry]], laid_out: dict[Any, Task], flips: Sequence[str], meter: Meter) -> None:
    """Raise if a recipe's images would be mirrored against its word, its data's or a measurement; where they may be,
    what is said of it is said once. All of a group are mirrored where one expects it, which is asked, and blamed,
    first."""
    allowed: set[tuple[Any, ...]] = set()
    for members in groups:
        policies = [flip_policy(members, asked) for asked in flips or (None,)]
        for entry in sorted(members, key=lambda entry: not entry.recipes[0].method.expects_flips):
            word = (entry.task_key, entry.recipes[0].data.flips_keep_label)
            if word not in allowed and guard_flips(entry.recipes[0], laid_out[entry.task_key], meter, policies):
                allowed.add(word)


def _augmentations(tables: list[Table], planned: list[tuple[list[Cell], Line]]) -> str:
    """How the networks' images were augmented, in all parts of the table."""
    strategies = dict.fromkeys(tables[cell.table].task.dsa.strategy or "none" for cells, _ in planned for cell in cells)
    return f"augmentation of the networks' training: {', '.join(strategies)}"


def _notes(entries: list[Entry], sets: int, on: str) -> tuple[str, ...]:
    nets = sorted({entry.recipes[0].evaluate.nets for entry in entries})
    over = f"over the means of {sets} sets" if sets > 1 else "over the networks of one set"
    judged = {
        "test": "accuracy on the held-out test part after the last step, learning rate chosen on the validation part",
        "validation": "accuracy on the VALIDATION part, where the learning rate is chosen too: for choosing settings, "
        "no score to publish; the test part was not looked at",
    }
    return (
        judged[on],
        f"{sets} sets x {' or '.join(map(str, nets))} networks; mean and 95 % interval {over} (whole: over networks)",
        "a set of random-real or k-means is a draw for each network, so that its mean varies less than one draw's",
    )
