"""The cells of a comparison: one set or rival under one seed, and the file that keeps its score."""

import hashlib
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ddkit.evaluation import MAJORITY, RIVALS, SAME_LABELS, Row, majority_row, score_row, whole_row, write_score
from ddkit.jobs.comparison import Line
from ddkit.jobs.entry import Entry
from ddkit.jobs.recipes import Recipe
from ddkit.jobs.rules import Rules
from ddkit.run import Report


@dataclass(frozen=True)
class Cell:
    """A unit of work, one set to be scored: how to make its row, and the file that keeps its score."""

    make: Callable[[], Row]
    rules: Rules
    recipe: Recipe
    file: Path

    def run(self, common: None, report: Report) -> None:
        """Train and judge the set's networks, and keep the score."""
        recipe = self.recipe
        score = score_row(self.make(), self.rules.task, recipe.evaluate, recipe.seed, self.rules.on)
        write_score(self.file, score)


def plan_lines(
    entries: list[Entry], rules: Rules, out: Path, damaged: Collection[Path] = ()
) -> Iterable[tuple[list[Cell], Line]]:
    """The lines of one group, each with its cells; without scores but for the majority's, which has no cell. Sets whose
    files are damaged have no cell, and a recipe without any other has no line."""
    first, task = entries[0].recipes[0], rules.task

    def cell(recipe: Recipe, what: str, make: Callable[[], Row], labels: str | None = None) -> Cell:
        return Cell(make, rules, recipe, out / "scores" / f"{rules.score_name(recipe, what, labels)}.json")

    def rivals(name: str, labels: str | None = None) -> list[Cell]:
        """One under each seed."""
        return [
            cell(recipe, f"{name}, ipc {rules.ipc}", partial(rules.of_rival, name, recipe.seed, labels), labels)
            for recipe in entries[0].recipes
        ]

    methods = [entry.method for entry in entries]
    told = (task.real.data.name, rules.ipc, task.dsa.flip_share, rules.labels)
    for entry in entries:
        every = [(recipe, entry.folder(out, recipe).set) for recipe in entry.recipes]
        files = [(recipe, file) for recipe, file in every if file not in damaged]
        if not files:
            continue
        cells = [cell(recipe, f"set {_digest(file)}", partial(rules.of_file, file)) for recipe, file in files]
        name = entry.method if methods.count(entry.method) == 1 else entry.name
        yield cells, Line(*told, name, (), entry.seconds(out), entry.expert_seconds(out))
    for name in RIVALS:
        yield rivals(name), Line(*told, name, ())
    if rules.same_labels:
        yield rivals("random-real", "static"), Line(*told, SAME_LABELS, ())
    if rules.labels not in ("auto", "hard"):
        return
    if rules.settings.whole:
        make = partial(whole_row, task.real, rules.settings.nets)
        yield [cell(first, "whole", make)], Line(*told, "whole", ())
    yield [], Line(*told, MAJORITY, (majority_row(task.real, rules.on),))


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
