"""Tables on standard output."""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from ddkit.cli.output import cell, echo

if TYPE_CHECKING:
    from ddkit.evaluation import Evaluation, Score

WIDE = 300
"""Columns of a line where no terminal sets them."""


def print_evaluation(evaluation: "Evaluation") -> None:
    """One row a set: images, mean accuracy with interval, n, learning rate, seconds; the notes below."""
    title = f"{evaluation.dataset}, {evaluation.net}, protocol {evaluation.protocol}"
    table = Table(title=cell(title), title_justify="left")
    table.add_column("trained on", no_wrap=True)
    balanced = any(score.balanced for score in evaluation.scores)
    for heading in ("images", "bytes", "accuracy %", *["balanced %"] * balanced, "n", "lr", "seconds"):
        table.add_column(heading, justify="right")
    for score in evaluation.scores:
        trained = (str(len(score.accuracies)), f"{score.lr:.3g}", f"{score.seconds:.1f}") if score.lr else ("",) * 3
        row = (
            str(score.images),
            "" if score.size is None else f"{score.size:,}",
            share(score.mean, score.interval),
            *[balanced_share(score)] * balanced,
            *trained,
        )
        table.add_row(*map(cell, (score.name, *row)))
    console = Console()
    console.print(table)
    for note in evaluation.notes:
        console.print(cell(f"- {note}"))


def print_summary(evaluations: Sequence["Evaluation"]) -> None:
    """Several evaluations of one set: a row for what was trained on, a column for each protocol and network.

    What all columns share stands in the title.
    """
    names = {e.net: e.net.partition("(")[0] for e in evaluations}
    if len(set(names.values())) < len(names):  # two networks of one name
        names = {spec: spec for spec in names}
    protocols = {e.protocol for e in evaluations}
    title = [evaluations[0].dataset, *(names if len(names) == 1 else ())]
    title += [f"protocol {protocol}" for protocol in protocols if len(protocols) == 1]
    table = Table(title=cell(", ".join([*title, "accuracy %"])), title_justify="left")
    table.add_column("trained on")
    for e in evaluations:
        differs = (e.protocol,) * (len(protocols) > 1) + (names[e.net],) * (len(names) > 1)
        table.add_column(cell(", ".join(differs)), justify="right", overflow="fold")
    # The set is the first row of every table. Its name there tells the chosen snapshot, and can be that of a rival.
    columns = [{(i == 0, "the set" if i == 0 else s.name): s for i, s in enumerate(e.scores)} for e in evaluations]
    for row in dict.fromkeys(row for column in columns for row in column):
        table.add_row(*map(cell, (row[1], *(_accuracy(column, row) for column in columns))))
    console = Console()
    console.print(table)
    if protocols != {"honest"}:
        console.print(
            "- paper-*: as the authors score, see above; comparable with published tables, not with honest ones"
        )


def _accuracy(column: "Mapping[tuple[bool, str], Score]", row: tuple[bool, str]) -> str:
    return share(column[row].mean, column[row].interval) if row in column else ""


def balanced_share(score: "Score") -> str:
    """A score's balanced accuracy and its interval, in %; empty where it has none."""
    from ddkit.evaluation import interval95

    return share(fmean(score.balanced), interval95(score.balanced)) if score.balanced else ""


def share(mean: float, half: float | None) -> str:
    """A mean and half the width of its interval, both fractions, in %; the mean alone where it has no interval."""
    return f"{100 * mean:.1f}" if half is None or math.isnan(half) else percent(100 * mean, 100 * half)


def percent(mean: float, half: float) -> str:
    """A mean in % and half the width of its interval."""
    return f"{mean:.1f} ± {half:.1f}"


def read_scores(record: str, line: Callable[[dict[str, Any]], str]) -> list[str]:
    """A line for each score in a set's record, or one that says that they have another form than `line` reads."""
    try:
        return [line(row) for row in json.loads(record).get("scores", ())]
    except (LookupError, TypeError, ValueError, AttributeError):
        return ["scores of a form that this version does not read"]


def print_facts(facts: Mapping[str, object]) -> None:
    """Two columns, name and value."""
    wide = max(len(name) for name in facts)
    for name, value in facts.items():
        echo(f"{name:<{wide}}  {value}")


def print_rows(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    """A plain table. What stands first is a name to be used, so that room is made elsewhere first; in a file or a pipe
    all figures have the room that they need."""
    table = Table()
    for i, heading in enumerate(headings):
        table.add_column(cell(heading), no_wrap=i == 0)
    for row in rows:
        table.add_row(*map(cell, row))
    console = Console()
    (console if console.is_terminal else Console(width=WIDE)).print(table)
