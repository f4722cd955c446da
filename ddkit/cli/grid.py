"""Tables that fit a terminal. No heading is cut, and no figure is broken over two lines.

A table has the first of these layouts that fits: with lines between columns; without lines, and with headings on
several lines; in several blocks below each other, each of which begins with the columns that name a row. In a file or a
pipe, the width is not limited.
"""

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ddkit.cli.output import echo, plain_text

WIDE = 300
"""Characters of a line, if the output is not a terminal."""

READABLE = 24
"""Minimal width of a column of sentences, in characters."""


def print_rows(
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    title: str = "",
    keys: int = 1,
    wraps: str = "",
    right: bool = False,
) -> None:
    """Print a table.

    Args:
        headings: one for each column.
        rows: each with a text for each column.
        title: a line above.
        keys: the number of columns on the left that name a row.
        wraps: the heading of a column of sentences, which may be broken into several lines.
        right: align the columns that do not name a row to the right.
    """
    console = Console()
    width = console.width if console.is_terminal else WIDE
    if title:
        echo(title)
    for table, needed in fitting(headings, [tuple(row) for row in rows], width, keys=keys, wraps=wraps, right=right):
        Console(width=max(width, needed)).print(table)


def print_columns(names: Sequence[str]) -> None:
    """Print names in columns that fill the terminal; in a file or a pipe, one name a line."""
    console = Console()
    wide = max(map(len, names)) + 2
    each = max(1, console.width // wide) if console.is_terminal else 1
    for begin in range(0, len(names), each):
        echo("".join(name.ljust(wide) for name in names[begin : begin + each]).rstrip())


def fitting(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    width: int,
    *,
    keys: int = 1,
    wraps: str = "",
    right: bool = False,
) -> list[tuple[Table, int]]:
    """The table, or its blocks, each with the width that it needs.

    The needed width exceeds `width` only if a single column is too wide.
    """
    everything = range(len(headings))

    def made(columns: Sequence[int], lines: bool) -> tuple[Table, int]:
        return _table(headings, rows, columns, lines, keys, wraps, right)

    for lines in (True, False):
        table, needed = made(everything, lines)
        if needed <= width:
            return [(table, needed)]
    blocks: list[list[int]] = []
    for column in everything[keys:]:
        if blocks and made([*everything[:keys], *blocks[-1], column], False)[1] <= width:
            blocks[-1].append(column)
        else:
            blocks.append([column])
    return [made([*everything[:keys], *block], False) for block in blocks or [[]]]


def _table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    columns: Sequence[int],
    lines: bool,
    keys: int,
    wraps: str,
    right: bool,
) -> tuple[Table, int]:
    """A table of some of the columns, and the width that it needs."""
    if lines:
        table = Table()
    else:
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for i in columns:
        heading = plain_text(headings[i] if lines else headings[i].replace(" ", "\n"))
        texts = [heading, *(plain_text(row[i]) for row in rows)]
        free = headings[i] == wraps
        table.add_column(
            heading,
            justify="right" if right and i >= keys else "left",
            no_wrap=not free,
            min_width=READABLE if free else max(map(_wide, texts)),
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(plain_text(row[i]) for i in columns))
    return table, Console(width=10**4).measure(table).minimum


def _wide(text: Text) -> int:
    return max((line.cell_len for line in text.split()), default=0)
