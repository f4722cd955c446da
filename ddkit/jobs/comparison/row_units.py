"""The lines of a comparison before they are scored, and their rows: one set or rival under one seed, as units of work
with the keys of their scores."""

import dataclasses
import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ddkit.evaluation import (
    BY_TEACHERS,
    MAJORITY,
    RankedSet,
    RivalRow,
    RowWork,
    Score,
    ScoreRow,
    SetRow,
    Table,
    TableRow,
    honest_work,
    majority_row,
    over_sets,
)
from ddkit.executors import Parcel, Report
from ddkit.jobs.comparison.candidate import Candidate
from ddkit.jobs.comparison.lines import Line
from ddkit.jobs.comparison.rules import Rules
from ddkit.jobs.recipes import Recipe
from ddkit.synth import read_set


@dataclass(frozen=True)
class PlannedLine:
    """A line of the table that is not yet scored.

    Attributes:
        line: without its scores, unless it needs no networks.
        works: the rows to be scored for it, one a seed.
        ranked: the set whose DD-Ranking scores the line gets; None: it gets none.
        more: the rows that only these scores need; see `RankedSet.rows`.
    """

    line: Line
    works: list[RowWork] = field(default_factory=list)
    ranked: RankedSet | None = None
    more: Mapping[str, list[RowWork]] = field(default_factory=dict)

    @property
    def every_work(self) -> list[RowWork]:
        """All rows to be scored."""
        return [*self.works, *(work for works in self.more.values() for work in works)]

    def scored(self, scores: Mapping[str, Score]) -> Line:
        """The line with its scores, which `scores` holds by their keys."""
        found = tuple(scores[work.key] for work in self.works)
        return dataclasses.replace(self.line, scores=found) if found else self.line

    def with_ranking(self, line: Line, rivals: Mapping[str, Score], scores: Mapping[str, Score]) -> Line:
        """`line` with DD-Ranking's scores, if the line gets them. `rivals` are the scores of the part's other rows."""
        if self.ranked is None:
            return line
        more = {part: over_sets([scores[work.key] for work in works]) for part, works in self.more.items()}
        return dataclasses.replace(line, ranking=self.ranked.ranking(line.overall, rivals, more))


def scored_lines(planned: Sequence[PlannedLine], scores: Mapping[str, Score]) -> list[Line]:
    """The lines of one part of the table. `scores` holds the scores of all rows by their keys."""
    lines = [one.scored(scores) for one in planned]
    rivals = {line.name: line.overall for one, line in zip(planned, lines, strict=True) if one.ranked is None}
    return [one.with_ranking(line, rivals, scores) for one, line in zip(planned, lines, strict=True)]


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
    candidates: list[Candidate],
    rules: Rules,
    number: int,
    out: Path,
    damaged: Collection[Path] = (),
    ranked: bool = False,
) -> Iterable[PlannedLine]:
    """The lines of table `number`, each with its rows to be scored.

    The key of a row is the name of its score's file in OUT/scores, see `ScoreFolder`. The line of the majority class
    has a score already and no rows. Damaged sets are left out. A recipe is left out if all of its sets are damaged.
    If `ranked` is set, recipes' lines get DD-Ranking's scores.
    """
    table, real = rules.table, rules.task.real
    kept = {True: rules.kept(out / "scores"), False: rules.plain.kept(out / "scores")}

    def work(recipe: Recipe, what: str, row: TableRow, augmented: bool = True) -> RowWork:
        name = row.drawn_as if isinstance(row, RivalRow) else row.name  # one score may stand in two lines
        policy = row.policy if isinstance(row, RivalRow | SetRow) else None
        key = kept[augmented].file_name(rules.row_key(recipe, what, policy))
        return honest_work(name, row, table, RowUnit(number, ScoreRow(row, recipe.seed, augmented), out), key)

    methods = [candidate.method for candidate in candidates]

    def line(name: str, scores: tuple[Score, ...] = ()) -> Line:
        return Line(
            data=real.data.name,
            ipc=table.counts.in_table,
            flip_share=rules.task.dsa.flip_share,
            labels=rules.labels,
            name=name,
            scores=scores,
            network=rules.task.net.spec,
        )

    for candidate in candidates:
        every = [(recipe, candidate.folder(out, recipe).set) for recipe in candidate.recipes]
        files = [(recipe, file) for recipe, file in every if file not in damaged]
        if not files:
            continue
        works = [work(recipe, f"set {_digest(file)}", SetRow(candidate.method, file)) for recipe, file in files]
        name = candidate.method if methods.count(candidate.method) == 1 else candidate.name_of_line
        seconds, expert_seconds = candidate.seconds(out), candidate.expert_seconds(out)
        own = dataclasses.replace(line(name), seconds=seconds, expert_seconds=expert_seconds)
        if not ranked:
            yield PlannedLine(own, works)
            continue
        plan, more = RankedSet.of(name, read_set(files[0][1]), table), {}
        for part, each in plan.rows(files[0][1]).items():
            if isinstance(each.row, RivalRow):
                what = f"{each.row.drawn_as}, ipc {table.counts.key}"
                more[part] = [work(recipe, what, each.row, each.augmented) for recipe in candidate.recipes]
            else:
                rows = [(recipe, file, dataclasses.replace(each.row, source=file)) for recipe, file in files]
                more[part] = [work(recipe, f"set {_digest(file)}", row, each.augmented) for recipe, file, row in rows]
        yield PlannedLine(own, works, plan, more)
    recipes = candidates[0].recipes
    for row in rules.rows():
        if isinstance(row, RivalRow):
            what = f"{row.drawn_as}, ipc {table.counts.key}"
            yield PlannedLine(line(row.name), [work(recipe, what, row) for recipe in recipes])
        else:  # the whole data does not depend on a set's seed
            yield PlannedLine(line(row.name), [work(recipes[0], row.name, row)])
    if rules.labels not in BY_TEACHERS:
        yield PlannedLine(line(MAJORITY, (majority_row(real, table.on),)))


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
