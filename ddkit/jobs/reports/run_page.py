"""The report of one run, from the files of its folder."""

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from ddkit.errors import DDKitError
from ddkit.jobs.recipes import ResolvedRecipe, changed_settings
from ddkit.jobs.recipes.resolve import method_named, parse_images
from ddkit.jobs.recipes.resolve_graphs import parse_graphs
from ddkit.jobs.reports.pictures import graph_blocks, image_blocks
from ddkit.jobs.reports.pixels import PixelsOf, pixels_of
from ddkit.jobs.reports.score_rows import ShownRow, notes_of, rows_of_set
from ddkit.jobs.reports.scores import answer, score_blocks
from ddkit.jobs.reports.training import training_blocks
from ddkit.methods import method_class
from ddkit.report import Block, Fold, Lines, Page, Section, TextTable, curve_chart
from ddkit.run import RunFolder, SecondsFiles, checkpoint_iteration, read_json
from ddkit.synth import GraphSet, SyntheticSet, load
from ddkit.toml import read_toml, shortened

T = TypeVar("T")

PICTURES = 2_000_000
"""Bytes of a page's pictures."""

LONGEST = 2_000
"""Characters of a foreign text that a page shows."""

CURVES = {"loss": "matching loss", "lr": "inner learning rate"}


def run_page(folder: RunFolder, pixels_of: PixelsOf = pixels_of, budget: int = PICTURES) -> Page:
    """The report of a run.

    Args:
        pixels_of: gives the function that turns the set's images into [0, 1] pixels.
        budget: bytes of its pictures.
    """
    found = _Found(folder)
    recipe, made, metrics = found.recipe, found.made, found.metrics
    name = f"{recipe.method.title} on {recipe.data.name}" if recipe is not None else str(folder.path)
    graphs = isinstance(made, GraphSet) or (recipe is not None and recipe.method.kind == "graphs")
    rows, table = found.scores()
    said = notes_of(table)
    lr = next((row.lr for row in rows if row.measured.ours), "")
    pictures: tuple[Block, ...] = ()
    if isinstance(made, GraphSet):
        pictures = graph_blocks(made, budget)
    elif not graphs:
        pictures = found.tried(lambda: image_blocks(name, folder, pixels_of, budget, found.missing)) or ()
    names = [key for key in (metrics[-1] if metrics else ()) if key not in ("iteration", "skipped")]
    charts = [curve_chart(metrics, key, CURVES.get(key, key)) for key in names]
    sections = (
        Section("Scores", (*score_blocks(rows), *([Lines(said)] if said else ())) if rows else ()),
        Section("Trees" if graphs else "Images", pictures),
        Section("Curves", tuple(chart for chart in charts if chart is not None)),
        Section("How to train on it", training_blocks(made, folder.set, lr) if made is not None else ()),
        Section("Settings that differ from the defaults", _settings(recipe) if recipe is not None else ()),
        Section("Lineage and environment", (*found.changes(), *found.seconds(), *_record(made))),
        Section("Messages of the run", tuple(Lines(lines) for lines in [found.messages()] if lines)),
        Section("Recipe", (Fold("All settings, as TOML", found.text[:50_000]),) if found.text else ()),
    )
    found.say_what_is_missing(rows)
    first = answer(rows) or (f"{name}: {'a set without scores' if made is not None else 'a run without a set'}.",)
    return Page(name, first, tuple(dict.fromkeys(found.missing)), sections)


@dataclass
class _Found:
    """What the folder of a run holds. `missing` gets a line for each file that cannot be read."""

    folder: RunFolder
    missing: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        folder = self.folder
        self.text = self.tried(folder.read_recipe) or ""
        self.recipe: ResolvedRecipe | None = self.tried(self._parsed) if self.text else None
        self.made: SyntheticSet | GraphSet | None = None
        if folder.set.exists():
            self.made = self.tried(lambda: load(folder.set))
        self.metrics = self.tried(folder.read_metrics) or []

    def tried(self, read: Callable[[], T]) -> T | None:
        """The result of `read`; None if it raises an error of ddkit, which becomes a line of `missing`."""
        try:
            return read()
        except DDKitError as error:
            self.missing.append(str(error))
            return None

    def _parsed(self) -> ResolvedRecipe:
        where = f"recipe '{self.folder.recipe}'"
        tables = read_toml(self.text, where)
        method = method_named(tables)
        graphs = method is not None and method_class(method).settings_class.kind == "graphs"
        return parse_graphs(tables, where) if graphs else parse_images(tables, where)

    def scores(self) -> tuple[tuple[ShownRow, ...], Mapping[str, Any]]:
        """The rows of the run's table, and the table; both empty if there is none."""
        if not self.folder.scores.exists():
            return (), {}
        table = self.tried(lambda: read_json(self.folder.scores, dict[str, Any]))
        where = f"file '{self.folder.scores}'"
        ours = self.recipe.method.name if self.recipe is not None else ""
        rows = self.tried(lambda: rows_of_set(table, ours, where)) if table is not None else None
        return (rows, table or {}) if rows else ((), {})

    def messages(self) -> tuple[str, ...]:
        """The messages of the run."""
        return tuple(shortened(line, LONGEST) for line in (self.tried(self.folder.read_messages) or [])[-200:])

    def changes(self) -> tuple[Block, ...]:
        """The settings that were changed when the run was resumed."""
        changes = self.tried(self.folder.read_changes) or []
        rows = tuple((one.key, str(one.from_iteration), str(one.was), str(one.now)) for one in changes)
        columns = ("changed setting", "from iteration", "was", "became")
        return (TextTable(columns, rows, "Settings that were changed when the run was resumed"),) if rows else ()

    def seconds(self) -> tuple[Block, ...]:
        """The time of the finished run."""
        files = SecondsFiles(self.folder.path)
        took = self.tried(files.read) if files.finished.exists() else None
        if took is None:
            return ()
        every = {"making the set": took.condensing, "training its experts": took.experts}
        rows = tuple((what, f"{seconds:,.1f}") for what, seconds in every.items() if seconds is not None)
        return (TextTable(("time of", "seconds"), rows, "Over all parts of an interrupted run"),)

    def say_what_is_missing(self, rows: tuple[ShownRow, ...]) -> None:
        """Add the lines that say how far the run came, and how to continue."""
        folder = self.folder
        resume = f"ddkit condense --resume --out {shlex.quote(str(folder.path))}"
        if not folder.set.exists():
            done = None
            if folder.checkpoint.exists():
                done = self.tried(lambda: checkpoint_iteration(folder.checkpoint))
            total = self.recipe.method.total_iterations if self.recipe is not None else None
            far = f" {done:,} of {total:,} iterations are stored." if done is not None and total else ""
            self.missing.insert(0, f"The run is not finished.{far} Continue it with: {resume}")
        elif not rows:
            self.missing.append(f"The set has no scores. Evaluate it with: {resume}")


def _settings(recipe: ResolvedRecipe) -> tuple[Block, ...]:
    rows = []
    for key, value in changed_settings(recipe).items():
        section, _, name = key.rpartition(".")
        owner = getattr(recipe, section) if section else recipe
        default = next((one.default for one in fields(owner) if one.name == name), "")
        if not (key == "seed" and value == default):
            rows.append((key, shortened(str(value), LONGEST), str(default)))
    return (TextTable(("setting", "value", "default"), tuple(rows)),)


def _record(made: SyntheticSet | GraphSet | None) -> tuple[Block, ...]:
    """Tables of the set's lineage and environment."""
    if made is None:
        return ()
    found = {"lineage": json.loads(made.record.lineage) | {"set": made.digest}}
    found["environment"] = json.loads(made.record.environment)
    return tuple(
        TextTable((what, "value"), tuple((str(key), shortened(str(value), LONGEST)) for key, value in own.items()))
        for what, own in found.items()
        if own
    )
