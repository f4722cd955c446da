"""The comparison of recipes for images: several sets of each beside rivals of the same size and the whole data.

It has three stages:

1. Missing experts are trained.
2. Every recipe is condensed under every seed. The name of the run folder is made from the settings.
3. Every row is scored. The name of its score file is made from everything that the score depends on.

An interrupted comparison continues in any stage. Stages 2 and 3 use all cores.
"""

import dataclasses
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import NamedTuple

import torch

from ddkit.errors import counted
from ddkit.evaluation import (
    DDRANKING,
    RowWork,
    Score,
    Table,
    class_notes,
    packing_notes,
    ranking_notes,
    row_needs,
    score_all,
)
from ddkit.executors import Needs
from ddkit.jobs.comparison.candidate import (
    Candidate,
    CondenseSet,
    Group,
    TaskKey,
    collect_experts,
    teachers_for,
)
from ddkit.jobs.comparison.lines import Comparison
from ddkit.jobs.comparison.row_units import PlannedLine, plan_lines, scored_lines
from ddkit.jobs.comparison.rules import Rules, flip_policy
from ddkit.jobs.comparison.set_folder import damaged_sets
from ddkit.jobs.comparison.teacher_labels import common_teachers, label_notes, refuse_unclear_labels
from ddkit.jobs.data.loading import load_task, report_data, report_net
from ddkit.jobs.flips.guard import guard_flips
from ddkit.jobs.machine.device import pick_device
from ddkit.jobs.machine.run_units import run_units
from ddkit.jobs.planning.set_effort import SetEffort
from ddkit.jobs.recipes.request import Comparing, name_in_table, variant
from ddkit.jobs.recipes.resolve import parse_images, resolve
from ddkit.jobs.sets.given import refuse_other_given
from ddkit.jobs.tables.kept_rows import ScoreFolder
from ddkit.run import Meter
from ddkit.synth import read_set
from ddkit.task import Task

Tasks = dict[TaskKey, Task]
"""The tasks of all candidates by `Candidate.task_key`."""


class Part(NamedTuple):
    """One part of the table: a group of recipes under one augmentation and one policy of labels."""

    group: Group
    augmentation: str
    labels: str


def compare_images(comparing: Comparing, meter: Meter) -> Comparison:
    """The comparison of recipes for images; see `ddkit.compare`."""
    device, out, labels = pick_device(comparing.device), comparing.out, comparing.labels
    candidates = _candidates(comparing)
    tasks = _tasks(candidates, device)
    groups: dict[Group, list[Candidate]] = {}
    for candidate in candidates:
        groups.setdefault(candidate.group, []).append(candidate)
    _refuse_what_cannot_be_compared(list(groups.values()), tasks, comparing, meter)
    for task in tasks.values():
        report_data(task, meter)
        report_net(task.net, meter)
    damaged = _damaged_sets(candidates, tasks, out, meter)
    _make_missing_sets(candidates, tasks, out, device, meter)
    teachers_of = {one: teachers_for(one, tasks[one.task_key], meter) for one in candidates}

    parts: dict[Part, tuple[list[Candidate], Rules]] = {}  # each once: two policies can mean the same rules
    for flips, policy, (group, members) in product(comparing.flips or (None,), labels or (None,), groups.items()):
        task, teachers = tasks[members[0].task_key], common_teachers(members, teachers_of)
        rules = Rules.of(members, task, comparing.on, flips, policy, teachers)
        parts.setdefault(Part(group, rules.task.dsa.strategy, rules.labels), (members, rules))
    tables = [rules.table for _, rules in parts.values()]
    ranked = comparing.scores == DDRANKING
    planned = [
        list(plan_lines(members, rules, number, out, damaged, ranked))
        for number, (members, rules) in enumerate(parts.values())
    ]
    scores = _scores(planned, tables, ScoreFolder(out / "scores"), meter)
    lines = [line for part in planned for line in scored_lines(part, scores)]
    notes = [*_notes(candidates, comparing.sets, comparing.on)]
    if ranked:
        plans = [one.ranked for part in planned for one in part]
        pairs = [(plan, line.ranking) for plan, line in zip(plans, lines, strict=True) if plan and line.ranking]
        notes += ranking_notes(pairs, over="sets" if comparing.sets > 1 else "networks")
    notes += [note for members in groups.values() for note in label_notes(members, teachers_of, labels)]
    notes += [note for task in tasks.values() for note in class_notes(task.real, comparing.on)]
    notes += packing_notes(sorted({k for table in tables for k in table.formations}))
    if len({line.flip_share for line in lines}) > 1:
        notes.append("do not compare rows under different flips: their networks have different augmentation")
    notes += [_augmentations(tables), *damaged.values()]
    return Comparison(comparing.on, tuple(lines), tuple(dict.fromkeys(notes)), tuple(map(str, damaged)))


def candidate_of(name: str, overrides: tuple[str, ...], sets: int) -> Candidate:
    """The recipe of that name or file, under `sets` seeds: its own seed and the numbers after it."""
    recipe, flags = variant(name)
    first, _ = resolve(recipe=recipe, overrides=overrides + flags)
    forms = tuple(dataclasses.replace(first, seed=first.seed + i) for i in range(sets))
    return Candidate(name_in_table(name), forms)


def _candidates(comparing: Comparing) -> list[Candidate]:
    overrides = comparing.overrides
    if comparing.nets is not None:
        overrides = (*overrides, f"evaluate.nets={comparing.nets}")
    return [candidate_of(str(name), overrides, comparing.sets) for name in comparing.recipes]


def _tasks(candidates: list[Candidate], device: torch.device) -> Tasks:
    """The tasks of all candidates by their key; data that several recipes share are loaded once."""
    tasks: Tasks = {}
    for candidate in candidates:
        recipe, key = candidate.recipes[0], candidate.task_key
        if key not in tasks:
            tasks[key] = load_task(recipe.data, recipe.net, device)
        recipe.method.refuse_data(tasks[key].real)
    return tasks


def _refuse_what_cannot_be_compared(
    groups: list[list[Candidate]], tasks: Tasks, comparing: Comparing, meter: Meter
) -> None:
    """Raise UsageError if the labels of real images are unclear, or if images would be mirrored and must not be.

    Flips are enabled for a whole group if one recipe of it needs them. Recipes whose method requires flips are checked
    first, so that the error names them. Flips of a dataset are reported once.
    """
    for members in groups:
        for policy in comparing.labels or (members[0].recipes[0].evaluate.labels,):
            refuse_unclear_labels(members, policy)
    checked: set[tuple[TaskKey, bool | None]] = set()
    for members in groups:
        policies = [flip_policy(members, policy) for policy in comparing.flips or (None,)]
        for candidate in sorted(members, key=lambda one: not one.recipes[0].method.expects_flips):
            key = (candidate.task_key, candidate.recipes[0].data.flips_keep_label)
            if key not in checked and guard_flips(candidate.recipes[0], tasks[candidate.task_key], meter, policies):
                checked.add(key)


def _damaged_sets(candidates: list[Candidate], tasks: Tasks, out: Path, meter: Meter) -> dict[Path, str]:
    """The files of finished sets that cannot be read; see `damaged_sets`."""
    expected = [
        (candidate.folder(out, recipe), recipe, tasks[candidate.task_key].real.data.digest)
        for candidate in candidates
        for recipe in candidate.recipes
    ]
    damaged = damaged_sets(expected, parse_images, read_set, meter)
    for folder, recipe, _ in expected:
        if folder.set.exists() and folder.set not in damaged:
            refuse_other_given(folder.set, recipe)
    return damaged


def _make_missing_sets(
    candidates: list[Candidate], tasks: Tasks, out: Path, device: torch.device, meter: Meter
) -> None:
    """Train the experts of recipes whose sets are missing, and make these sets, the longest first."""
    missing = [
        CondenseSet(candidate, recipe, out, device)
        for candidate in candidates
        for recipe in candidate.recipes
        if not candidate.folder(out, recipe).finished
    ]
    unfinished = dict.fromkeys(unit.candidate for unit in missing)
    # The longest trajectories first: otherwise a shared expert could be too short and would be trained twice.
    for candidate in sorted(unfinished, key=lambda one: -one.recipes[0].method.reads_epochs):
        collect_experts(candidate, tasks[candidate.task_key], out, meter)
    efforts = {one: SetEffort.of(one.recipes[0], tasks[one.task_key]) for one in unfinished}
    needs = _largest([one.needs for one in efforts.values()], tasks.values()) if efforts else Needs(device)
    missing.sort(key=lambda unit: -efforts[unit.candidate].time)  # equal ones stay in their order
    run_units(missing, tasks, needs, "condensing sets", meter)


def _scores(planned: list[list[PlannedLine]], tables: list[Table], keep: ScoreFolder, meter: Meter) -> dict[str, Score]:
    """The scores of all rows by their keys. Rows of equal keys are scored once.

    Args:
        planned: the lines of each table.
        tables: the tables.
        keep: stores each score when it is finished, and may have scores of an interrupted comparison.
        meter: progress.
    """
    rows: dict[str, RowWork] = {}
    for table, lines in zip(tables, planned, strict=True):
        own = {work.key: work for line in lines for work in line.every_work}
        if table.on == "test" and any(keep.find(key) is None for key in own):
            _ = table.task.real.test  # is preprocessed here, once, and not in every process
        rows |= {key: work for key, work in own.items() if key not in rows}
    needs = _largest(
        [row_needs(table.task, table.settings, table.made_bytes) for table in tables], [table.task for table in tables]
    )
    scores = score_all("scoring sets", list(rows.values()), tables, meter, keep, needs)
    return dict(zip(rows, scores, strict=True))


def _largest(needs: Iterable[Needs], tasks: Iterable[Task]) -> Needs:
    """The needs of the unit with the most memory. The common object has the data of all tasks, each once."""
    data = {id(task.real): task.data_bytes for task in tasks}
    return dataclasses.replace(max(needs, key=lambda one: one.memory), shared=sum(data.values()))


def _augmentations(tables: list[Table]) -> str:
    """A note that lists the augmentations of the networks' training in the parts of the table."""
    strategies = dict.fromkeys(table.task.dsa.strategy or "none" for table in tables)
    return f"augmentation of the networks' training: {', '.join(strategies)}"


def _notes(candidates: list[Candidate], sets: int, on: str) -> tuple[str, ...]:
    nets = sorted({candidate.recipes[0].evaluate.nets for candidate in candidates})
    over = f"over the means of {sets} sets" if sets > 1 else "over the networks of one set"
    judged = {
        "test": "accuracy on the held-out test part after the last step; the learning rate is chosen on the validation "
        "part",
        "validation": "accuracy on the VALIDATION part, on which the learning rate is chosen too; use it to choose "
        "settings and do not publish it; the test part was not used",
    }
    return (
        judged[on],
        f"{counted(sets, 'set')} x {' or '.join(map(str, nets))} networks; mean and 95 % interval {over} (row whole: "
        "over networks)",
        "random-real and k-means: each network has another draw, so the mean over networks varies less than the mean "
        "of a single draw",
    )
