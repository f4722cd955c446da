"""One table: several recipes, several sets each, beside rivals of the same size and the whole data, all trained alike.

Three stages, each of which goes on where a killed one stopped: experts are collected; every recipe is condensed under
every seed, each into a run folder named after what was asked; every row is scored, and its score kept in a file named
after all that it depends on. On a CPU the last two stages run a process on each core.
"""

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from ddkit.data import RealData, refuse_small_classes
from ddkit.errors import DataError, UsageError, reason
from ddkit.evaluation import LR_GRID, PARTS, RIVALS, Row, Score, rival_row, score_row, set_row, whole_row
from ddkit.jobs.bench import Bench, lay_out, pick_device
from ddkit.jobs.condense import condense, experts_of
from ddkit.jobs.resolve import resolve
from ddkit.jobs.resume import read_changes, resumed
from ddkit.jobs.spread import spread
from ddkit.recipe import EvaluateSettings, Recipe, nearest, to_toml
from ddkit.run import Meter, RunFolder, SilentMeter, atomic_write
from ddkit.synth import read_set


@dataclass(frozen=True)
class Line:
    """One line of the table: what was trained on, and a score for each of its sets.

    Attributes:
        data, ipc: where it belongs.
        name: the method's name (the recipe's, where two recipes of one method stand together), or a rival's.
        scores: one a set, each of several networks.
        seconds: of condensing a set, by set; empty for what is not condensed.
        expert_seconds: what its experts took, where this comparison or an earlier one in the folder trained them.
    """

    data: str
    ipc: int
    name: str
    scores: tuple[Score, ...]
    seconds: tuple[float, ...] = ()
    expert_seconds: float | None = None

    @cached_property
    def overall(self) -> Score:
        """Over the means of the sets where there are several, else over the one set's networks; lr is the first's."""
        if len(self.scores) == 1:
            return self.scores[0]
        means = tuple(score.mean for score in self.scores)
        return dataclasses.replace(self.scores[0], accuracies=means, seconds=sum(s.seconds for s in self.scores))


@dataclass(frozen=True)
class Comparison:
    """The table, the part of the data that was judged on, and what a reader must know of how it came about."""

    on: str
    lines: tuple[Line, ...]
    notes: tuple[str, ...]

    def tables(self) -> dict[str, Any]:
        """Plain tables for JSON."""
        lines = [
            dataclasses.asdict(line) | {"mean": line.overall.mean, "interval95": line.overall.interval}
            for line in self.lines
        ]
        return {"on": self.on, "lines": lines, "notes": list(self.notes)}


@dataclass(frozen=True)
class _Entry:
    """One recipe: what it is called, and its form for each seed."""

    name: str
    recipes: tuple[Recipe, ...]

    @property
    def group(self) -> str:
        """What must be equal for two recipes' rows to be comparable."""
        first = self.recipes[0]
        return repr((first.data, first.net, first.evaluate, first.method.ipc))

    def folder(self, out: Path, recipe: Recipe) -> RunFolder:
        """A run's folder; its name carries a digest of the recipe, so that other settings never meet in it."""
        digest = hashlib.sha256(_shaping(recipe).encode()).hexdigest()[:8]
        return RunFolder(out / f"{self.name}-{digest}-seed{recipe.seed}")


def compare(
    recipes: Sequence[str | Path],
    *,
    sets: int = 3,
    nets: int | None = None,
    overrides: tuple[str, ...] = (),
    out: str | Path = "runs/compare",
    on: str = "test",
    device: str = "auto",
    meter: Meter | None = None,
) -> Comparison:
    """Condense every recipe `sets` times, under seeds that count up from its own, and score all sets and their rivals.

    Args:
        recipes: names or files; those with equal data, network, evaluation and ipc share their rivals.
        sets: sets of each recipe, and draws of each rival.
        nets: networks trained on each set; default the recipes'.
        overrides: "section.key=value" texts for all recipes.
        out: folder of runs and scores; a comparison that was killed goes on there.
        on: the part that networks are judged on: "test", or "validation" to choose settings without meeting it.
        device: "auto", "cpu", "cuda", ...
        meter: progress; default silent.

    Example:
        >>> table = compare(["mtt-digits-ipc1", "ftd-digits-ipc1"])
        >>> [(line.name, round(line.overall.mean, 3)) for line in table.lines]

    Raises:
        UsageError: no recipe, an unknown part, settings that cannot be obeyed.
        DataError: data, experts or a run that is missing or damaged.
        NumericalError: a condensation whose loss exploded; what was finished is kept.
    """
    if not recipes or sets < 1:
        raise UsageError(f"compare: needs at least one recipe and one set, got {len(recipes)} and {sets}")
    if on not in PARTS:
        raise UsageError(f"compare: on '{on}' is no part to be judged on; {nearest(on, PARTS)}")
    meter, out, where = meter or SilentMeter(), Path(out), pick_device(device)
    if nets is not None:
        overrides = (*overrides, f"evaluate.nets={nets}")
    entries = []
    for name in recipes:
        first, _ = resolve(recipe=name, overrides=overrides)
        forms = tuple(dataclasses.replace(first, seed=first.seed + i) for i in range(sets))
        entries.append(_Entry(Path(name).name.removesuffix(".toml"), forms))
    if len({entry.name for entry in entries}) < len(entries):
        raise UsageError("compare: two recipes have one name; name each once")

    benches: dict[str, Bench] = {}
    for entry in entries:
        recipe = entry.recipes[0]
        key = repr((recipe.data, recipe.net))
        if key not in benches:
            benches[key] = lay_out(recipe.data, recipe.net, where)
        benches[entry.group] = benches[key]
        refuse_small_classes(benches[key].real.train.labels, recipe.method.ipc)
    runs = [(entry, recipe) for entry in entries for recipe in entry.recipes]
    for entry, recipe in runs:
        _refuse_another(entry.folder(out, recipe), recipe, benches[entry.group].real)
    unfinished = [run for run in runs if not _finished(run[0].folder(out, run[1]))]
    for entry in dict.fromkeys(entry for entry, _ in unfinished):
        _collect(entry, benches[entry.group], out, meter)
    spread(lambda run: _condensed(*run, out, device), unfinished, where, "condensing sets", meter)

    groups: dict[str, list[_Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.group, []).append(entry)
    planned = [line for key, members in groups.items() for line in _plan_lines(members, benches[key], out, on)]
    waiting = {cell.file: cell for cells, _ in planned for cell in cells if not cell.file.exists()}
    if on == "test":
        for cell in waiting.values():
            _ = cell.bench.real.test  # prepared here, once, and not in every process
    spread(_scored, list(waiting.values()), where, "scoring sets", meter)
    lines = [
        dataclasses.replace(line, scores=tuple(map(_score, (cell.file for cell in cells)))) for cells, line in planned
    ]
    return Comparison(on, tuple(lines), _notes(entries, sets, on))


@dataclass(frozen=True)
class _Cell:
    """One set to be scored: how to make its row, and the file that keeps its score."""

    make: Callable[[], Row]
    bench: Bench
    recipe: Recipe
    on: str
    file: Path


def _plan_lines(entries: list[_Entry], bench: Bench, out: Path, on: str) -> Iterable[tuple[list[_Cell], Line]]:
    """The lines of one group, still without scores, each with its cells."""
    first = entries[0].recipes[0]
    settings, ipc, real = first.evaluate, first.method.ipc, bench.real
    depends = {
        "format": 1,
        "lr": LR_GRID,
        "data": real.digest,
        "net": bench.net.spec,
        "augment": bench.dsa.strategy,
        "on": on,
    }

    def cell(recipe: Recipe, what: str, make: Callable[[], Row]) -> _Cell:
        key = depends | {"set": what, "seed": recipe.seed, "evaluate": dataclasses.asdict(settings)}
        digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
        return _Cell(make, bench, recipe, on, out / "scores" / f"{digest}.json")

    methods = [entry.recipes[0].method.name for entry in entries]
    for entry in entries:
        folders = [entry.folder(out, recipe) for recipe in entry.recipes]
        cells = [
            cell(recipe, _digest(folder.set), partial(_row_of_file, folder.set, real, settings.nets))
            for recipe, folder in zip(entry.recipes, folders, strict=True)
        ]
        method = entry.recipes[0].method.name
        name = method if methods.count(method) == 1 else entry.name
        seconds = tuple(_read(_seconds_file(folder))["condensing"] for folder in folders)
        yield cells, Line(real.data.name, ipc, name, (), seconds, _expert_seconds(entry, out))
    for name in RIVALS:
        cells = [
            cell(recipe, f"{name}, ipc {ipc}", partial(rival_row, name, real, ipc, settings.nets, recipe.seed))
            for recipe in entries[0].recipes
        ]
        yield cells, Line(real.data.name, ipc, name, ())
    if settings.whole:
        yield [cell(first, "whole", partial(whole_row, real, settings.nets))], Line(real.data.name, ipc, "whole", ())


def _score(file: Path) -> Score:
    table = _read(file)
    return Score(**(table | {"accuracies": tuple(table["accuracies"])}))


def _row_of_file(file: Path, real: RealData, nets: int) -> Row:
    return set_row(read_set(file), real, nets)


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _scored(cell: _Cell) -> None:
    bench, recipe = cell.bench, cell.recipe
    score = score_row(cell.make(), bench.real, bench.net, recipe.evaluate, bench.dsa, recipe.seed, cell.on)
    _write(cell.file, dataclasses.asdict(score))


def _condensed(entry: _Entry, recipe: Recipe, out: Path, device: str) -> None:
    folder, begin = entry.folder(out, recipe), time.perf_counter()
    resume = folder.recipe.exists()
    text = folder.path.with_name(f"{folder.path.name}.toml")
    if not resume:
        _write_text(text, to_toml(recipe))
    condense(recipe=text, out=folder.path, resume=resume, device=device, evaluate=False)
    _write(_seconds_file(folder), {"condensing": time.perf_counter() - begin})


def _shaping(recipe: Recipe) -> str:
    """All of a recipe that shapes its set."""
    return to_toml(dataclasses.replace(recipe, evaluate=EvaluateSettings()))


def _refuse_another(folder: RunFolder, recipe: Recipe, real: RealData) -> None:
    """Raise if the folder's run is not what its name says: continued by hand under other settings, or of other data."""
    if not folder.recipe.exists():
        return
    if read_changes(folder) or _shaping(resumed(folder, ())) != _shaping(recipe):
        raise UsageError(
            f"folder '{folder.path}': its run went on under other settings than the recipe's; move it away, or put "
            "them into the recipe"
        )
    if folder.set.exists() and (theirs := read_set(folder.set).facts.data_digest) != real.data.digest:
        raise DataError(
            f"set '{folder.set}': was made with other data (digest {theirs[:8]}) than found here "
            f"({real.data.digest[:8]}); choose another --out"
        )


def _finished(folder: RunFolder) -> bool:
    return folder.set.exists() and _seconds_file(folder).exists()


def _seconds_file(folder: RunFolder) -> Path:
    return folder.path / "seconds.json"


def _collect(entry: _Entry, bench: Bench, out: Path, meter: Meter) -> None:
    """Bring a recipe's experts, and note what it took if some had to be trained."""
    begin = time.perf_counter()
    trajectories, _ = experts_of(entry.recipes[0], bench, meter)
    if trajectories is not None and trajectories.trained:
        _write(_expert_file(entry, out), {"seconds": time.perf_counter() - begin})


def _expert_seconds(entry: _Entry, out: Path) -> float | None:
    file = _expert_file(entry, out)
    return _read(file)["seconds"] if file.exists() else None


def _expert_file(entry: _Entry, out: Path) -> Path:
    first = entry.recipes[0]
    what = repr((first.data, first.net, first.experts, first.method.reads_epochs))
    return out / "experts" / f"{hashlib.sha256(what.encode()).hexdigest()[:16]}.json"


def _notes(entries: list[_Entry], sets: int, on: str) -> tuple[str, ...]:
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


def _read(file: Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"file '{file}': is damaged ({reason(error)}); delete it and run again") from None


def _write(file: Path, table: dict[str, Any]) -> None:
    _write_text(file, json.dumps(table) + "\n")


def _write_text(file: Path, text: str) -> None:
    with atomic_write(file) as temporary:
        temporary.write_text(text)
