"""The cells of a comparison: one set or rival under one seed, and the file that keeps its score."""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ddkit.evaluation import (
    MAJORITY,
    RivalRow,
    SetRow,
    Table,
    TableRow,
    majority_row,
    score_row,
    write_score,
)
from ddkit.jobs.comparison.entry import Entry
from ddkit.jobs.comparison.lines import Line
from ddkit.jobs.comparison.rules import Rules
from ddkit.jobs.recipes import Recipe
from ddkit.run import Report


@dataclass(frozen=True)
class Cell:
    """A unit of work: score one row under one seed.

    Attributes:
        table: which of the comparison's tables it stands in.
        row: what networks are trained on.
        seed: of all draws.
        file: keeps the score.
    """

    table: int
    row: TableRow
    seed: int
    file: Path

    def run(self, common: Sequence[Table], report: Report) -> None:
        """Train and judge the row's networks, and keep the score; `common` are the tables."""
        table = common[self.table]
        made = self.row.make(table, self.seed)
        write_score(self.file, score_row(made, table.task, table.settings, self.seed, table.on))


def plan_lines(
    entries: list[Entry], rules: Rules, number: int, out: Path, damaged: Collection[Path] = ()
) -> Iterable[tuple[list[Cell], Line]]:
    """The lines of table `number`, each with its cells; without scores but for the majority's, which has no cell.

    Sets whose files are damaged have no cell, and a recipe without any other set has no line.
    """
    table, real = rules.table, rules.task.real

    def cell(recipe: Recipe, what: str, row: TableRow, labels: str | None = None) -> Cell:
        file = out / "scores" / f"{rules.score_name(recipe, what, labels)}.json"
        return Cell(number, row, recipe.seed, file)

    methods = [entry.method for entry in entries]
    place = (real.data.name, table.ipc, rules.task.dsa.flip_share, rules.labels)
    for entry in entries:
        every = [(recipe, entry.folder(out, recipe).set) for recipe in entry.recipes]
        files = [(recipe, file) for recipe, file in every if file not in damaged]
        if not files:
            continue
        cells = [cell(recipe, f"set {_digest(file)}", SetRow(entry.method, file)) for recipe, file in files]
        name = entry.method if methods.count(entry.method) == 1 else entry.name
        yield cells, Line(*place, name, (), entry.seconds(out), entry.expert_seconds(out))
    recipes = entries[0].recipes
    for row in rules.rows():
        if isinstance(row, RivalRow):
            what, policy = f"{row.drawn}, ipc {table.ipc}", row.policy
            yield [cell(recipe, what, row, policy) for recipe in recipes], Line(*place, row.name, ())
        else:  # the whole data does not depend on a set's seed
            yield [cell(recipes[0], row.name, row)], Line(*place, row.name, ())
    if rules.labels in ("auto", "hard"):
        yield [], Line(*place, MAJORITY, (majority_row(real, table.on),))


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
