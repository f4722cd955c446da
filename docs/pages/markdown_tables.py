"""Markdown tables of score files, and numbers as the pages print them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from score_file import Figure, ScoreFile, figure_of

Selection = Mapping[str, Any]
"""Names and values that select a row. The name `show` selects the value to print; default is the score."""


def pivot(file: ScoreFile, corner: str, rows: Mapping[str, Selection], columns: Mapping[str, Selection]) -> str:
    """A table. Each cell shows the file's row with the values of its row and column; without such a row it is empty."""
    body = []
    for heading, row in rows.items():
        cells = []
        for column in columns.values():
            wanted = {**row, **column}
            show = wanted.pop("show", None)
            found = file.find(**wanted)
            cells.append("" if found is None else printed(found.get(show)) if show else str(figure_of(found)))
        body.append([heading, *cells])
    return markdown([corner, *columns], body)


def listing(file: ScoreFile, columns: Mapping[str, str]) -> str:
    """A table with a line for each row of the file; `score` stands for its mean and interval."""
    body = [
        [str(figure_of(row)) if key == "score" else printed(row.get(key)) for key in columns.values()]
        for row in file.rows
    ]
    return markdown(list(columns), body)


def markdown(headings: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """A table whose first column is text and whose others are numbers."""
    rule = "|---|" + "---:|" * (len(headings) - 1)
    return "\n".join([f"| {' | '.join(headings)} |", rule, *(f"| {' | '.join(cells)} |" for cells in body)])


def by(name: str, values: Iterable[Any], heading: str = "{}") -> dict[str, dict[str, Any]]:
    """Rows or columns that differ in one name: by("ipc", [1, 10], "{} a class")."""
    return {heading.format(value): {name: value} for value in values}


def every(file: ScoreFile, names: Sequence[str], heading: str) -> dict[str, dict[str, Any]]:
    """Rows for all combinations of values in the file, in its order: every(f, ["data"], "on {data}")."""
    found = ({name: row[name] for name in names} for row in file.rows)
    return {heading.format(**row): row for row in found}


def gains(file: ScoreFile, methods: Iterable[str], rival: str, **row: Any) -> list[float]:
    """Percentage points of each method above a rival."""
    return [file.get(method, **row).above(file.get(rival, **row)) for method in methods]


def overlapping(one: Figure, file: ScoreFile, names: Iterable[str]) -> str:
    """The names of the rows whose 95 % intervals overlap that of a figure, as `mtt, ftd and ast`; "" if none does."""

    def overlaps(other: Figure) -> bool:
        return abs(one.mean - other.mean) <= (one.interval or 0.0) + (other.interval or 0.0)

    found = [name for name in names if overlaps(file.get(name))]
    return " and ".join(filter(None, [", ".join(found[:-1]), *found[-1:]]))


def printed(value: Any) -> str:
    """An int as 1,295, a float with its digits, a text unchanged, None as an empty text."""
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)


def share(value: float, digits: int = 1) -> str:
    """A fraction as a percentage, without its sign."""
    return f"{100 * value:.{digits}f}"


def span(values: Iterable[float], digits: int = 1) -> str:
    """`0.6 to 1.4`, or one number if both ends print the same."""
    values = list(values)
    ends = [f"{end:.{digits}f}" for end in (min(values), max(values))]
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)
