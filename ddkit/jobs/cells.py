"""The cells of a comparison: one set or rival under one seed, and the file that keeps its score, named after all that
the score depends on."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ddkit.evaluation import (
    LR_GRIDS,
    RIVALS,
    SAME_LABELS,
    Row,
    Score,
    called,
    evaluation_dsa,
    rival_row,
    score_row,
    set_row,
    temperature_of,
    whole_row,
)
from ddkit.experts import Ensemble
from ddkit.jobs.bench import Bench
from ddkit.jobs.comparison import Line
from ddkit.jobs.entry import Entry
from ddkit.jobs.table_file import read_table, write_table
from ddkit.methods.labelled import LabelledSettings
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
    entries: list[Entry],
    bench: Bench,
    out: Path,
    on: str,
    flips: str | None,
    labels: str | None,
    teachers: Ensemble | None,
) -> Iterable[tuple[list[Cell], Line]]:
    """The lines of one group, still without scores, each with its cells; all under one policy of flips and one of
    labels, the recipes' own if none is given. `teachers` are the group's."""
    first = entries[0].recipes[0]
    settings, ipc, real = first.evaluate, first.method.ipc, bench.real
    policy = labels or settings.labels
    terms = label_terms(entries)
    temperature, top_k = terms[0]
    if teachers is not None:
        teachers = teachers.under(settings.teacher_bn)
    expected = any(entry.recipes[0].method.expects_flips for entry in entries)
    asked = {entry.recipes[0].evaluate.flips for entry in entries}
    own = "always" if "always" in asked else "augment" if asked == {"augment"} else "auto"
    dsa = evaluation_dsa(flips or own, bench.dsa, expected)
    bench = dataclasses.replace(bench, dsa=dsa)
    depends = {
        "format": 2,
        "lr": LR_GRIDS[settings.optimiser],
        "data": real.digest,
        "net": bench.net.spec,
        "augment": dsa.strategy,
        "on": on,
        "temperature": temperature,
    } | ({} if top_k is None else {"top_k": top_k})

    def cell(recipe: Recipe, what: str, make: Callable[[], Row], policy: str = policy) -> Cell:
        # Defaults are no part of it: a setting that a later version adds leaves the scores of today where they are.
        # Who changes a default raises `format`.
        judged = {f.name: v for f in dataclasses.fields(settings) if (v := getattr(settings, f.name)) != f.default}
        judged = {name: value for name, value in judged.items() if name not in ("flips", "labels")}  # see below
        taught = "" if teachers is None or policy in ("auto", "hard") else " ".join(teachers.names)
        key = depends | {"set": what, "seed": recipe.seed, "evaluate": judged, "labels": policy, "teachers": taught}
        digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
        return Cell(make, bench, recipe, on, out / "scores" / f"{digest}.json")

    def of_file(file: Path) -> Row:
        synthetic = read_set(file)
        own = temperature_of(settings.temperature, synthetic.facts.temperature or temperature)
        return called(set_row(synthetic, real, settings.nets), policy, synthetic.labels, teachers, own)

    def of_rival(name: str, seed: int, policy: str = policy) -> Row:
        return called(rival_row(name, real, ipc, settings.nets, seed), policy, None, teachers, temperature, top_k)

    methods = [entry.method for entry in entries]
    told = (real.data.name, ipc, dsa.flip_share, policy)
    for entry in entries:
        files = [entry.folder(out, recipe).set for recipe in entry.recipes]
        cells = [
            cell(recipe, _digest(file), partial(of_file, file))
            for recipe, file in zip(entry.recipes, files, strict=True)
        ]
        name = entry.method if methods.count(entry.method) == 1 else entry.name
        yield cells, Line(*told, name, (), entry.seconds(out), entry.expert_seconds(out))
    for name in RIVALS:
        cells = [
            cell(recipe, f"{name}, ipc {ipc}", partial(of_rival, name, recipe.seed)) for recipe in entries[0].recipes
        ]
        yield cells, Line(*told, name, ())
    if policy == "auto" and teachers is not None and len(terms) == 1:
        cells = [
            cell(recipe, f"random-real, ipc {ipc}", partial(of_rival, "random-real", recipe.seed, "static"), "static")
            for recipe in entries[0].recipes
        ]
        yield cells, Line(*told, SAME_LABELS, ())
    if settings.whole and policy in ("auto", "hard"):
        yield [cell(first, "whole", partial(whole_row, real, settings.nets))], Line(*told, "whole", ())


def label_terms(entries: list[Entry]) -> list[tuple[float, int | None]]:
    """(temperature, logits kept) of the teachers' labels in a group, each kind once; without any, the defaults."""
    asked = entries[0].recipes[0].evaluate.temperature
    taught_by = [m for entry in entries if isinstance(m := entry.recipes[0].method, LabelledSettings)]
    found = dict.fromkeys((temperature_of(asked, method.temperature), method.top_k) for method in taught_by)
    return list(found) or [(temperature_of(asked, None), None)]


def read_score(file: Path) -> Score:
    """The score that a cell's file keeps."""
    table = read_table(file)
    return Score(**(table | {"accuracies": tuple(table["accuracies"])}))


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def score_cell(cell: Cell) -> None:
    """Train and judge one set's networks, and keep the score."""
    bench, recipe = cell.bench, cell.recipe
    score = score_row(cell.make(), bench.real, bench.net, recipe.evaluate, bench.dsa, recipe.seed, cell.on)
    write_table(cell.file, dataclasses.asdict(score))
