"""The leaderboards of docs/results/leaderboard.md, one a dataset, as in `ddkit leaderboard docs/results/scores`."""

from collections.abc import Iterable
from functools import cache

import score_file
from charts import Scatter
from markdown_tables import markdown
from score_file import Figure, ScoreFile

from ddkit.jobs.reports import Standing, board_page, one_of_each, read_standings, trends_of
from ddkit.report import Block, Lines, Page, TextTable

NAMES = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "digits": "digits", "fashion-mnist": "Fashion-MNIST"}
"""The order and the headings of datasets; others follow under their own names."""

LAST = ("Notes", "Left out")
"""Sections of a board that the page has once, at its end."""


@cache
def standings() -> dict[str, list[Standing]]:
    """The sets of all score files by dataset."""
    every = one_of_each(read_standings(score_file.SCORES, []))
    found: dict[str, list[Standing]] = {name: [] for name in NAMES}
    for one in every:
        found.setdefault(one.data, []).append(one)
    return {data: own for data, own in found.items() if own}


def names() -> dict[str, str]:
    """Dataset -> its heading."""
    return {data: NAMES.get(data, data) for data in standings()}


def answers(data: str) -> str:
    """Which set is first under which networks, and how many intervals overlap its own."""
    return "\n".join(_page(data).answer)


def tables(data: str) -> str:
    """The tables of one dataset, each under the name of its networks, with links to the score files."""
    parts = []
    for section in _page(data).sections:
        if section.title not in LAST:
            parts += [f"### {section.title}", *filter(None, map(_written, section.blocks))]
    return "\n\n".join(parts)


def notes() -> str:
    """How to read the tables."""
    (notes,) = (one for one in _page(next(iter(standings()))).sections if one.title == "Notes")
    return "\n\n".join(map(_written, notes.blocks))


def left_out() -> str:
    """Why other score files have no place on a leaderboard, a line each."""
    missing: list[str] = []
    read_standings(score_file.SCORES, missing)
    return "\n".join(f"- {line}" for line in missing)


def files(scores: dict[str, ScoreFile]) -> list[ScoreFile]:
    """The score files with a row on a leaderboard."""
    used = {one.source for own in standings().values() for one in own}
    return [file for name, file in scores.items() if name in used]


def pictures() -> Iterable[Scatter]:
    """A chart for each dataset with sets of known bytes: accuracy against bytes, with lines of real data."""
    for data, own in standings().items():
        rows = [one.row.measured for one in own if one.row.measured.size]
        if not rows:
            continue
        best = max(rows, key=lambda row: row.mean)
        points = tuple((row.name, row.size or 0, Figure(row.mean, row.half)) for row in rows)
        lines = {trend.name: trend.points for trend in trends_of(own)}
        first = f"{best.name} is first with {Figure(best.mean, best.half)} %"
        title = f"{NAMES.get(data, data)}: of the sets of known bytes, {first}"
        yield Scatter(f"leaderboard-{data}", title, points, lines, "test accuracy %", "bytes of the training data")


@cache
def _page(data: str) -> Page:
    return board_page(data, standings()[data])


def _written(block: Block) -> str:
    """A block as Markdown; charts are files of their own."""
    if isinstance(block, Lines):
        return "\n".join(f"- {item}" for item in block.items)
    if not isinstance(block, TextTable):
        return ""
    rows = [
        [_linked(cell) if head == "from" else cell for head, cell in zip(block.columns, row, strict=True)]
        for row in block.rows
    ]
    return "\n\n".join(filter(None, (block.caption, markdown(block.columns, rows))))


def _linked(name: str) -> str:
    return f"[{name}](scores/{name}.json)"
