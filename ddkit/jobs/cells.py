"""The cells of a comparison: one set or rival under one seed, and the file that keeps its score, named after all that
the score depends on."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ddkit.data import RealData
from ddkit.evaluation import LR_GRID, RIVALS, Row, Score, evaluation_dsa, rival_row, score_row, set_row, whole_row
from ddkit.jobs.bench import Bench
from ddkit.jobs.comparison import Line
from ddkit.jobs.entry import Entry
from ddkit.jobs.table_file import read_table, write_table
from ddkit.recipe import Recipe
from ddkit.synth import read_set


@dataclass(frozen=True)
class Cell:
    """One set to be scored: how to make its row, and the file that keeps its score."""

    make: Callable[[], Row]
    bench: Bench
    recipe: Recipe
    on: str
    file: Path


def plan_lines(
    entries: list[Entry], bench: Bench, out: Path, on: str, flips: str | None
) -> Iterable[tuple[list[Cell], Line]]:
    """The lines of one group, still without scores, each with its cells; all under one policy of flips, the recipes'
    own if none is given."""
    first = entries[0].recipes[0]
    settings, ipc, real = first.evaluate, first.method.ipc, bench.real
    expected = any(entry.recipes[0].method.expects_flips for entry in entries)
    asked = {entry.recipes[0].evaluate.flips for entry in entries}
    own = "always" if "always" in asked else "augment" if asked == {"augment"} else "auto"
    dsa = evaluation_dsa(flips or own, bench.dsa, expected)
    bench = dataclasses.replace(bench, dsa=dsa)
    depends = {
        "format": 1,
        "lr": LR_GRID,
        "data": real.digest,
        "net": bench.net.spec,
        "augment": dsa.strategy,
        "on": on,
    }

    def cell(recipe: Recipe, what: str, make: Callable[[], Row]) -> Cell:
        judged = dataclasses.asdict(settings)
        del judged["flips"]  # `augment` says what came of it
        key = depends | {"set": what, "seed": recipe.seed, "evaluate": judged}
        digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
        return Cell(make, bench, recipe, on, out / "scores" / f"{digest}.json")

    methods = [entry.method for entry in entries]
    told = (real.data.name, ipc, dsa.flip_share)
    for entry in entries:
        files = [entry.folder(out, recipe).set for recipe in entry.recipes]
        cells = [
            cell(recipe, _digest(file), partial(_row_of_file, file, real, settings.nets))
            for recipe, file in zip(entry.recipes, files, strict=True)
        ]
        name = entry.method if methods.count(entry.method) == 1 else entry.name
        yield cells, Line(*told, name, (), entry.seconds(out), entry.expert_seconds(out))
    for name in RIVALS:
        cells = [
            cell(recipe, f"{name}, ipc {ipc}", partial(rival_row, name, real, ipc, settings.nets, recipe.seed))
            for recipe in entries[0].recipes
        ]
        yield cells, Line(*told, name, ())
    if settings.whole:
        yield [cell(first, "whole", partial(whole_row, real, settings.nets))], Line(*told, "whole", ())


def read_score(file: Path) -> Score:
    """The score that a cell's file keeps."""
    table = read_table(file)
    return Score(**(table | {"accuracies": tuple(table["accuracies"])}))


def _row_of_file(file: Path, real: RealData, nets: int) -> Row:
    return set_row(read_set(file), real, nets)


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def score_cell(cell: Cell) -> None:
    """Train and judge one set's networks, and keep the score."""
    bench, recipe = cell.bench, cell.recipe
    score = score_row(cell.make(), bench.real, bench.net, recipe.evaluate, bench.dsa, recipe.seed, cell.on)
    write_table(cell.file, dataclasses.asdict(score))
