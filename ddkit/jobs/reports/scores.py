"""The parts of a report that show scores: the answer in sentences, the charts and the table."""

from collections.abc import Mapping, Sequence

from ddkit.errors import counted
from ddkit.evaluation import MAJORITY
from ddkit.jobs.reports.score_rows import ShownRow
from ddkit.report import Block, TextTable, against_bytes, bars
from ddkit.synth import formation_of, packed_rival

WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")

NO_RIVALS = ("whole", "untrained", MAJORITY, "graph size")
"""Rows that are no rivals of the set's size."""


def answer(rows: Sequence[ShownRow]) -> tuple[str, ...]:
    """The result in sentences: the set's score beside random real data of the same size, and how sure it is.

    Example:
        >>> answer(rows)[0]
        '93.5 % from ten images; random images of the same size: 71.1 %.'
    """
    best = next((row for row in rows if row.measured.ours), None)
    if best is None:
        return ()
    graphs, peers = bool(best.net), [row for row in rows if row.net == best.net and not row.measured.ours]
    packed = packed_rival("", formation_of(best.name))
    if not any(row.name.endswith(packed) for row in peers):
        packed = ""  # a recipe of whole images can have such a name
    randoms = [row for row in peers if row.name.startswith("random") and row.name.endswith(packed)]
    # A comparison of graphs has random graphs of the bytes of each set.
    random = next((row for row in randoms if row.name == f"random, as {best.name}"), next(iter(randoms), None))
    what = "AUC " if graphs else ""
    of = f"{counted(best.samples, 'sample')} of {best.measured.size or 0:,} bytes" if graphs else _images(best.samples)
    first = f"{what}{best.measured.mean:.1f} % from {of}"
    if random is not None:
        like = "random graphs of as many bytes" if graphs else f"random images of the same size{packed}"
        first += f"; {like}: {random.measured.mean:.1f} %"
    return (f"{first}.", *_certainty(best, random, peers))


def score_blocks(rows: Sequence[ShownRow], on: str = "test") -> tuple[Block, ...]:
    """A bar chart and a chart against bytes for each kind of network, and the table."""
    metric = f"{'AUC' if any(row.accuracy for row in rows) else 'accuracy'} %"
    what = metric if on == "test" else f"{on} {metric}"
    blocks: list[Block] = []
    for net in dict.fromkeys(row.net for row in rows if row.net) or [""]:
        shown = [row.measured for row in rows if row.net in ("", net)]
        under = f"{what[0].upper()}{what[1:]}" + (f" of networks {net}" if net else "")
        blocks.append(bars(shown, what, f"{under}; lines are 95 % intervals."))
        if (scatter := against_bytes(shown, what, f"{under} against the bytes of the training data.")) is not None:
            blocks.append(scatter)
    return (*blocks, _table(rows, what))


def _table(rows: Sequence[ShownRow], what: str) -> TextTable:
    columns = {
        "trained on": [row.name for row in rows],
        "network": [row.net for row in rows],
        what: [row.measured.text for row in rows],
        "also accuracy %": [row.accuracy for row in rows],
        "n": [row.n for row in rows],
        "samples" if any(row.net for row in rows) else "images": [f"{row.samples:,}" for row in rows],
        "bytes": [f"{row.measured.size:,}" if row.measured.size else "" for row in rows],
        "lr": [row.lr for row in rows],
    }
    return filled_table(columns, "Mean and 95 % interval over n")


def filled_table(columns: Mapping[str, Sequence[str]], caption: str) -> TextTable:
    """A table of the columns that have a text in some row."""
    filled = {heading: cells for heading, cells in columns.items() if any(cells)}
    return TextTable(tuple(filled), tuple(zip(*filled.values(), strict=True)), caption)


def _certainty(best: ShownRow, random: ShownRow | None, peers: Sequence[ShownRow]) -> list[str]:
    """Sentences on the interval, on the best rival of the same size, and on the whole data."""
    said = []
    over = f"{best.n} (sets x networks)" if "x" in best.n else f"{best.n} networks"
    if best.measured.half is not None:
        said.append(f"95 % interval ±\N{NO-BREAK SPACE}{best.measured.half:.1f} over {over}.")
        if random is not None and random.measured.half is not None:
            gap = best.measured.mean - random.measured.mean
            if abs(gap) <= best.measured.half + random.measured.half:
                said.append("The intervals of the two overlap.")
    rivals = [row for row in peers if row.name not in NO_RIVALS and "written out" not in row.name]
    if rivals and (top := max(rivals, key=lambda row: row.measured.mean)) is not random:
        better = " That is better than the set." if top.measured.mean > best.measured.mean else ""
        said.append(f"The best rival of this size, {top.name}, gives {top.measured.text} %.{better}")
    if whole := next((row for row in peers if row.name == "whole"), None):
        said.append(f"The whole training data ({whole.samples:,}) gives {whole.measured.text} %.")
    return [" ".join(said)] if said else []


def _images(count: int) -> str:
    """A number of images, in a word if it is small."""
    return counted(count, "image") if count >= len(WORDS) else counted(count, "image").replace(str(count), WORDS[count])
