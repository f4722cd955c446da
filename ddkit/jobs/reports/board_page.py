"""The page of a leaderboard: the sets of one dataset beside random, herding, k-means and the whole data.

Sets under different kinds of networks stand in different sections. A gain over a rival is computed inside one table.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from ddkit.errors import counted
from ddkit.evaluation import RIVALS, WHOLE, DDRanking
from ddkit.evaluation.ddranking import TITLES
from ddkit.jobs.reports.score_rows import ShownRow
from ddkit.jobs.reports.scores import filled_table
from ddkit.jobs.reports.standing import Standing
from ddkit.report import Block, Lines, Measured, Page, Section, TextTable, Trend, against_bytes
from ddkit.synth import formation_of, packed_rival
from ddkit.toml import read_toml

UNSTATED = "networks that the source does not state"

NOTES = (
    "Accuracies (for graphs: ROC-AUC) are those of protocol honest on the test part: mean and 95 % interval over n "
    "networks, or over the means of several sets (sets x networks). Rows may differ in the length of the training.",
    "over random: points above random real data, as many images (graphs: as many bytes) as the set stores. Packed "
    "alike: random images that are made small and packed as the set's are. Same labels: random images with labels by "
    "the set's teachers.",
    "Images are those that networks are trained on. For a packed set these are its small images. Bytes are those of "
    "the training data: one a value for real images, and for a set those that its file stores.",
    "other networks: mean over the other networks that the set was evaluated with, and their number.",
    "seconds: of making a set, without experts; mean over the sets. Seconds of experts: of training them, in the row "
    "whose run trained them; the other rows of a table used experts that existed, need none, or do not state the time.",
    "flips 0.083: in training each image is mirrored with this probability. Labels static: networks learn teachers' "
    "logits of the set's images; dynamic: teachers' logits of every batch. Some sources state neither.",
)

THEIRS = (
    "These figures are others': their sets, networks, training and selection differ from this page's, so they do not "
    "stand in one order with the rows above."
)


def board_page(data: str, standings: Sequence[Standing], missing: Sequence[str] = ()) -> Page:
    """The leaderboard of one dataset.

    Args:
        data: the dataset.
        standings: of that dataset, each measurement once.
        missing: lines on tables that were left out.
    """
    nets = {net: [one for one in standings if one.net == net] for net in dict.fromkeys(one.net for one in standings)}
    ordered = sorted(nets.items(), key=lambda pair: -len(pair[1]))
    sections = [Section(net or UNSTATED.capitalize(), _blocks(own, standings)) for net, own in ordered]
    theirs = _published(data)
    more = (Section("Measured by others", (Lines((THEIRS,)), *theirs)),) * bool(theirs)
    short = {net: net.partition("(")[0] for net in nets}
    plain = len(set(short.values())) == len(short)  # else two networks differ in their settings only
    said = tuple(_best((short[net] if plain else net) or UNSTATED, own) for net, own in ordered)
    notes = (Section("Notes", (Lines(NOTES),)), Section("Left out", (Lines(tuple(missing)),) if missing else ()))
    return Page(f"Leaderboard of {data}", said, (), (*sections, *more, *notes))


def _best(net: str, standings: Sequence[Standing]) -> str:
    best = max(standings, key=lambda one: one.row.measured.mean).row
    size = f", {best.measured.size:,} bytes" if best.measured.size else ""
    level = sum(_overlap(one.row.measured, best.measured) for one in standings) - 1
    more = f"; {counted(level, 'other interval overlaps', 'other intervals overlap')} its own" if level else ""
    return f"{best.name} is first under {net}: {best.measured.text} % from {best.samples:,} {_what(best)}{size}{more}."


def _overlap(one: Measured, best: Measured) -> bool:
    """Whether the interval of a score reaches that of the best score. A score without interval is a point."""
    return one.mean + (one.half or 0.0) >= best.mean - (best.half or 0.0)


def _what(row: ShownRow) -> str:
    return "samples" if row.net else "images"


def _blocks(standings: Sequence[Standing], every: Sequence[Standing]) -> tuple[Block, ...]:
    """The chart and the table of the sets under one kind of network, best first."""
    ordered = sorted(standings, key=lambda one: -one.row.measured.mean)
    metric = "AUC %" if ordered[0].row.net else "accuracy %"
    chart = against_bytes(
        [one.row.measured for one in ordered],
        metric,
        f"{metric[0].upper()}{metric[1:]} against the bytes of the training data. Dashed lines are real data.",
        trends_of(ordered),
    )
    return (*((chart,) if chart else ()), _table(ordered, every, metric))


def _table(ordered: Sequence[Standing], every: Sequence[Standing], metric: str) -> TextTable:
    rows = [one.row for one in ordered]
    columns = {
        "set": [row.name for row in rows],
        _what(rows[0]): [f"{row.samples:,}" for row in rows],
        "bytes": [f"{row.measured.size:,}" if row.measured.size else "" for row in rows],
        "seconds": [_seconds(one.seconds) for one in ordered],
        "seconds of experts": [_seconds(one.expert_seconds) for one in ordered],
        metric: [row.measured.text for row in rows],
        "n": [row.n for row in rows],
    }
    columns |= {heading: [_gain(one, find(one)) for one in ordered] for heading, find in RANDOM.items()}
    columns["other networks %"] = [_elsewhere(one, every) for one in ordered]
    columns |= {title: [_ranking(one, name) for one in ordered] for name, title in TITLES.items()}
    return filled_table(columns | {"from": [one.source or one.made for one in ordered]}, "Sets, best first")


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:,.3g}" if seconds < 100 else f"{seconds:,.0f}"


def _alike(one: Standing) -> ShownRow | None:
    """Random real data of as many stored images, or of as many bytes for graphs."""
    if not one.row.net:
        return _rival(one, "random-real")
    bytes_alike = [row for row in one.rivals if _family(row) == "random"]
    own = [row for row in bytes_alike if row.name == f"random, as {one.row.name}"]
    return next(iter(own or bytes_alike), None)


def _packed_alike(one: Standing) -> ShownRow | None:
    """Random real images that are packed as the set's are; None if the set's images are whole."""
    formation = formation_of(one.row.name)
    return None if formation is None else _rival(one, packed_rival("random-real", formation))


def _same_labels(one: Standing) -> ShownRow | None:
    return _rival(one, packed_rival("random-real, same labels", formation_of(one.row.name)))


def _rival(one: Standing, name: str) -> ShownRow | None:
    return next((row for row in one.rivals if row.name == name), None)


RANDOM: dict[str, Callable[[Standing], ShownRow | None]] = {
    "over random": _alike,
    "over random, packed alike": _packed_alike,
    "over random, same labels": _same_labels,
}
"""Heading -> the random real data that a set is compared with."""


def _gain(one: Standing, rival: ShownRow | None) -> str:
    """Percentage points above a rival, and the 95 % interval of the difference."""
    if rival is None:
        return ""
    gain = DDRanking({"own": one.row.values, "random": rival.values}, {}).ior  # its IOR is this difference
    assert gain is not None
    return f"{100 * gain.value:+.1f}{_within(gain.half)}"


def _within(half: float | None) -> str:
    """Half the width of an interval, a fraction, in %; empty if there is none."""
    return "" if half is None else f"\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}{100 * half:.1f}"


def _elsewhere(one: Standing, every: Sequence[Standing]) -> str:
    """The mean of the set's scores under all other networks, and their number."""
    others = [other.row.measured.mean for other in every if other.made == one.made and other.net != one.net]
    return f"{fmean(others):.1f} ({len(others)})" if others else ""


def _ranking(one: Standing, name: str) -> str:
    found: Any = (one.ranking or {}).get(name)
    if not found:
        return ""
    value, low, high = found
    return f"{100 * value:.1f}{_within(None if low is None or high is None else (high - low) / 2)}"


def _family(row: ShownRow) -> str:
    """The line of the chart on which a rival stands; "" if on none, as for rows that only DD-Ranking needs."""
    if row.name == WHOLE or (not row.net and row.name.partition(", packed ")[0] in RIVALS):
        return row.name
    family = row.name.partition(",")[0]  # graphs: "random, as stored"
    return family if row.net and family in ("random", "herding") and "written out" not in row.name else ""


def trends_of(standings: Sequence[Standing]) -> list[Trend]:
    """The lines of real data. A point is the mean over all tables that have the rival with as many bytes."""
    found: dict[str, dict[int | None, list[float]]] = {}
    for row in dict.fromkeys(row for one in standings for row in one.rivals):
        if (family := _family(row)) and (row.measured.size or family == WHOLE):
            size = None if family == WHOLE else row.measured.size
            found.setdefault(family, {}).setdefault(size, []).append(row.measured.mean)
    return [
        Trend(
            name, tuple((size, fmean(means)) for size, means in sorted(points.items(), key=lambda pair: pair[0] or 0))
        )
        for name, points in found.items()
    ]


def _published(data: str) -> tuple[Block, ...]:
    """Tables of accuracies that others published on a dataset."""
    file = Path(__file__).parent / "published.toml"
    tables = read_toml(file.read_text(encoding="utf-8"), f"file '{file}'")["table"]
    return tuple(
        TextTable(
            ("measured by others, accuracy %", *(f"{ipc} a class" for ipc in table["images_a_class"])),
            tuple((name, *map(str, row)) for name, row in table["accuracy"].items()),
            table["source"],
        )
        for table in tables
        if table["data"] == data
    )
