"""The report of a comparison: its table, its charts, and the gallery of each set."""

from pathlib import Path
from typing import Any

from ddkit.errors import DDKitError, counted
from ddkit.jobs.reports.pixels import SharedPixels
from ddkit.jobs.reports.run_page import PICTURES, run_page
from ddkit.jobs.reports.score_rows import ShownRow, lines_of_comparison, notes_of
from ddkit.jobs.reports.scores import answer, score_blocks
from ddkit.report import Block, Gallery, Lines, Page, Section, TreeDrawings
from ddkit.run import Meter, RunFolder, SilentMeter, read_json

COMPARISON = "comparison.json"
"""The file in a comparison's folder that holds its last table."""

REPORT = "report.html"
"""The file in a comparison's folder that holds its report."""

MOST_SETS = 24
"""Sets whose pictures are shown."""

UNFINISHED = "There is no table: the comparison is not finished. Give the same ddkit compare command again to continue."


def comparison_page(folder: Path, meter: Meter | None = None) -> Page:
    """The report of the comparison in a folder. Without a table, it shows the sets that exist.

    Args:
        meter: progress over the sets; default silent.
    """
    missing: list[str] = []
    table = _table(folder, missing)
    lines: tuple[tuple[str, ShownRow], ...] = ()
    try:
        lines = lines_of_comparison(table, f"file '{folder / COMPARISON}'") if table else ()
    except DDKitError as error:
        missing.append(str(error))
    parts = {part: tuple(row for own, row in lines if own == part) for part, _ in lines}
    on, notes = str(table.get("on", "test")), notes_of(table)
    runs = sorted(file.parent for file in folder.glob("*/recipe.toml"))
    pictures = _pictures(runs, missing, meter or SilentMeter())
    sections = [Section(part, score_blocks(rows, on)) for part, rows in parts.items()]
    sections += [Section("Notes", (Lines(notes),) if notes else ()), Section("Sets in this folder", pictures)]
    if len(runs) > MOST_SETS:
        missing.append(f"Pictures of the first {MOST_SETS} of {len(runs)} sets are shown, to keep this file small.")
    said = tuple(sentence for part, rows in parts.items() for sentence in _best(part, rows))
    first = said or (f"A comparison with {counted(len(runs), 'run')} and no table.",)
    judged = ("Judged on the validation part: use it to choose settings, and do not publish it.",) * (on != "test")
    return Page(f"Comparison in {folder}", (*first, *judged), tuple(dict.fromkeys(missing)), tuple(sections))


def _table(folder: Path, missing: list[str]) -> dict[str, Any]:
    file = folder / COMPARISON
    if not file.exists():
        missing.append(UNFINISHED)
        return {}
    try:
        return dict(read_json(file, dict[str, Any], "give the same ddkit compare command again"))
    except DDKitError as error:
        missing.append(str(error))
        return {}


def _best(part: str, rows: tuple[ShownRow, ...]) -> tuple[str, ...]:
    """The answer for the best set of a part, with the names of both."""
    sets = [row for row in rows if row.measured.ours]
    if not sets:
        return (f"{part}: no set could be scored.",)
    best = max(sets, key=lambda row: row.measured.mean)
    rivals = [row for row in rows if not row.measured.ours]
    first, *more = answer((best, *rivals))
    return (f"{part}: {best.name} gives {first}", *more)


def _pictures(runs: list[Path], missing: list[str], meter: Meter) -> tuple[Block, ...]:
    """The gallery or the trees of each set, under the name of its folder."""
    shown: list[Block] = []
    pixels_of, drawn = SharedPixels(), runs[:MOST_SETS]
    meter.start("drawing the sets' pictures", len(drawn))
    for number, run in enumerate(drawn):
        page = run_page(RunFolder(run), pixels_of, PICTURES // len(drawn))
        unfinished = [line for line in page.missing if not line.startswith("The set has no scores")]
        missing += [f"{run.name}: {line}" for line in unfinished]
        blocks = [block for section in page.sections for block in section.blocks]
        shown += [block.named(run.name) for block in blocks if isinstance(block, Gallery | TreeDrawings)]
        meter.advance(number + 1)
    meter.finish()
    return tuple(shown)
