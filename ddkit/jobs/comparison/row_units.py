"""The rows of a comparison as units of work: one set or rival under one seed, and the file of its score."""

import dataclasses
import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ddkit.evaluation import (
    BY_TEACHERS,
    MAJORITY,
    RivalRow,
    Score,
    SetRow,
    Table,
    TableRow,
    majority_row,
    score_row,
)
from ddkit.executors import Parcel, Report
from ddkit.jobs.comparison.candidate import Candidate
from ddkit.jobs.comparison.lines import Line
from ddkit.jobs.comparison.rules import Rules
from ddkit.jobs.recipes import Recipe


@dataclass(frozen=True)
class RowUnit:
    """A unit of work: score one row under one seed.

    Attributes:
        table: the number of its table in the comparison.
        row: the images and labels.
        seed: of all draws.
        file: where the score will be kept.
    """

    table: int
    row: TableRow
    seed: int
    file: Path

    @property
    def folder(self) -> Path:
        return self.file.parent

    def parcel(self, common: Sequence[Table]) -> Parcel:
        """The unit with its set in memory."""
        row = self.row.in_memory() if isinstance(self.row, SetRow) else self.row
        return Parcel(dataclasses.replace(self, row=row))

    def receive(self, result: Score) -> Score:
        return result

    def run(self, common: Sequence[Table], report: Report) -> Score:
        """Train and judge the row's networks. `common` are the comparison's tables."""
        table = common[self.table]
        made = self.row.make(table, self.seed)
        return score_row(made, table.task, table.settings, self.seed, table.on)


def plan_lines(
    candidates: list[Candidate], rules: Rules, number: int, out: Path, damaged: Collection[Path] = ()
) -> Iterable[tuple[list[RowUnit], Line]]:
    """The lines of table `number`, each with the units that score it.

    Only the line of the majority class has a score already; it needs no unit. Damaged sets are left out. A recipe is
    left out if all of its sets are damaged.
    """
    table, real, kept = rules.table, rules.task.real, rules.kept(out / "scores")

    def unit(recipe: Recipe, what: str, row: TableRow, labels: str | None = None) -> RowUnit:
        file = kept.file(rules.row_key(recipe, what, labels))
        return RowUnit(number, row, recipe.seed, file)

    methods = [candidate.method for candidate in candidates]

    def line(name: str, scores: tuple[Score, ...] = ()) -> Line:
        return Line(
            data=real.data.name,
            ipc=table.ipc,
            flip_share=rules.task.dsa.flip_share,
            labels=rules.labels,
            name=name,
            scores=scores,
        )

    for candidate in candidates:
        every = [(recipe, candidate.folder(out, recipe).set) for recipe in candidate.recipes]
        files = [(recipe, file) for recipe, file in every if file not in damaged]
        if not files:
            continue
        units = [unit(recipe, f"set {_digest(file)}", SetRow(candidate.method, file)) for recipe, file in files]
        name = candidate.method if methods.count(candidate.method) == 1 else candidate.name
        seconds, expert_seconds = candidate.seconds(out), candidate.expert_seconds(out)
        yield units, dataclasses.replace(line(name), seconds=seconds, expert_seconds=expert_seconds)
    recipes = candidates[0].recipes
    for row in rules.rows():
        if isinstance(row, RivalRow):
            what, policy = f"{row.drawn}, ipc {table.ipc}", row.policy
            yield [unit(recipe, what, row, policy) for recipe in recipes], line(row.name)
        else:  # the whole data does not depend on a set's seed
            yield [unit(recipes[0], row.name, row)], line(row.name)
    if rules.labels not in BY_TEACHERS:
        yield [], line(MAJORITY, (majority_row(real, table.on),))


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
