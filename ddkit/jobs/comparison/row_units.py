"""The rows of a comparison: one set or rival under one seed, as units of work, and the keys of their scores."""

import dataclasses
import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ddkit.evaluation import (
    BY_TEACHERS,
    MAJORITY,
    RivalRow,
    RowWork,
    Score,
    ScoreRow,
    SetRow,
    Table,
    TableRow,
    honest_work,
    majority_row,
)
from ddkit.executors import Parcel, Report
from ddkit.jobs.comparison.candidate import Candidate
from ddkit.jobs.comparison.lines import Line
from ddkit.jobs.comparison.rules import Rules
from ddkit.jobs.recipes import Recipe

PlannedLine = tuple[list[RowWork], Line]
"""A line of the table without its scores, and the rows to be scored for it, one a seed."""


@dataclass(frozen=True)
class RowUnit:
    """A unit of work: score a row of one of the comparison's tables.

    Attributes:
        table: the number of the row's table.
        row: the row and its seed.
        folder: of the comparison. Sets that are files lie in it.
    """

    table: int
    row: ScoreRow
    folder: Path

    def parcel(self, common: Sequence[Table]) -> Parcel:
        """The unit with its set in memory."""
        inner = self.row.row
        row = inner.in_memory() if isinstance(inner, SetRow) else inner
        return Parcel(dataclasses.replace(self, row=dataclasses.replace(self.row, row=row)))

    def receive(self, result: Score) -> Score:
        return result

    def run(self, common: Sequence[Table], report: Report) -> Score:
        """The score; see `ScoreRow`. `common` are the comparison's tables."""
        return self.row.run(common[self.table], report)


def plan_lines(
    candidates: list[Candidate], rules: Rules, number: int, out: Path, damaged: Collection[Path] = ()
) -> Iterable[PlannedLine]:
    """The lines of table `number`, each with its rows to be scored.

    The key of a row is the name of its score's file in OUT/scores, see `ScoreFolder`. The line of the majority class
    has a score already and no rows. Damaged sets are left out. A recipe is left out if all of its sets are damaged.
    """
    table, real, kept = rules.table, rules.task.real, rules.kept(out / "scores")

    def work(recipe: Recipe, what: str, row: TableRow, labels: str | None = None) -> RowWork:
        name = row.drawn if isinstance(row, RivalRow) else row.name  # one score may stand in two lines
        key = kept.file_name(rules.row_key(recipe, what, labels))
        return honest_work(name, row, table, RowUnit(number, ScoreRow(row, recipe.seed), out), key)

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
        works = [work(recipe, f"set {_digest(file)}", SetRow(candidate.method, file)) for recipe, file in files]
        name = candidate.method if methods.count(candidate.method) == 1 else candidate.name
        seconds, expert_seconds = candidate.seconds(out), candidate.expert_seconds(out)
        yield works, dataclasses.replace(line(name), seconds=seconds, expert_seconds=expert_seconds)
    recipes = candidates[0].recipes
    for row in rules.rows():
        if isinstance(row, RivalRow):
            what, policy = f"{row.drawn}, ipc {table.ipc}", row.policy
            yield [work(recipe, what, row, policy) for recipe in recipes], line(row.name)
        else:  # the whole data does not depend on a set's seed
            yield [work(recipes[0], row.name, row)], line(row.name)
    if rules.labels not in BY_TEACHERS:
        yield [], line(MAJORITY, (majority_row(real, table.on),))


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
