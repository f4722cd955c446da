"""Tables of scores and facts."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from ddkit.cli.grid import print_rows
from ddkit.cli.output import echo
from ddkit.errors import counted
from ddkit.evaluation.ddranking import TITLES

if TYPE_CHECKING:
    from ddkit.evaluation import DDRanking, Evaluation, Score
    from ddkit.jobs import Verdict


T = TypeVar("T")

METRICS = {"accuracy": "accuracy %", "auc": "AUC %", "balanced": "balanced %"}
"""Headings of metrics."""


def print_evaluation(evaluation: "Evaluation") -> None:
    """Print a line for each score, with its metrics and their intervals, and the notes.

    Columns that are empty in all lines are left out. Balanced accuracy of graphs is shown if classes are uneven.
    """
    metrics = dict.fromkeys(metric for score in evaluation.scores for metric in score.metrics)
    if evaluation.hops is not None and not evaluation.uneven:
        metrics.pop("balanced", None)
    columns: dict[str, Callable[[Score], str]] = {
        "trained on": lambda score: score.name,
        "network": lambda score: score.net,
        "images" if evaluation.hops is None else "samples": lambda score: str(score.samples),
        "bytes": lambda score: f"{score.size:,}" if score.size is not None else "",
        **{METRICS.get(metric, f"{metric} %"): partial(metric_share, metric) for metric in metrics},
        **(_ranking_columns(evaluation) if evaluation.ranking else {}),
        "n": lambda score: str(len(score.metrics[score.main])) if score.lr or score.net else "",
        "lr": lambda score: f"{score.lr:.3g}" if score.lr else "",
        "seconds": lambda score: f"{score.seconds:.1f}" if score.lr else "",
    }
    net = evaluation.net if evaluation.hops is None else counted(evaluation.hops, "hop")
    title = f"{evaluation.dataset}, {net}, protocol {evaluation.protocol}"
    print_filled(evaluation.scores, columns, keys=2 if evaluation.hops is not None else 1, title=title)
    for note in evaluation.notes:
        echo(f"- {note}")


def _ranking_columns(evaluation: "Evaluation") -> "dict[str, Callable[[Score], str]]":
    """The columns of DD-Ranking's scores, which the first row has."""
    own = evaluation.scores[0]

    def column(name: str) -> "Callable[[Score], str]":
        return lambda score: ranking_share(name, evaluation.ranking) if score is own else ""

    return {title: column(name) for name, title in TITLES.items()}


def print_filled(lines: Sequence[T], columns: Mapping[str, Callable[[T], str]], keys: int, title: str = "") -> None:
    """Print a table with a line for each of `lines`. Columns that are empty in all lines are left out.

    Args:
        lines: the objects behind the lines.
        columns: heading -> a function that gives the text for a line.
        keys: the number of columns on the left that name a line.
        title: above the table.
    """
    texts = {heading: [text_of(line) for line in lines] for heading, text_of in columns.items()}
    filled = {heading: column for heading, column in texts.items() if any(column)}
    rows = list(zip(*filled.values(), strict=True))
    print_rows(tuple(filled), rows, title=title, keys=keys, right=True)


def print_summary(evaluations: Sequence["Evaluation"]) -> None:
    """Print several evaluations of one set: a row for each set and rival, a column for each protocol and network.

    A protocol or network that all columns share is in the title.
    """
    names = {e.net: e.net.partition("(")[0] for e in evaluations}
    if len(set(names.values())) < len(names):  # two networks of one name
        names = {spec: spec for spec in names}
    protocols = {e.protocol for e in evaluations}
    title = [evaluations[0].dataset, *(names if len(names) == 1 else ())]
    title += [f"protocol {protocol}" for protocol in protocols if len(protocols) == 1]
    headings = ["trained on"]
    for e in evaluations:
        headings.append(", ".join((e.protocol,) * (len(protocols) > 1) + (names[e.net],) * (len(names) > 1)))
    # The set is the first row of every table. Its name there has the chosen snapshot, and can be equal to a rival's.
    columns = [{(i == 0, "the set" if i == 0 else s.name): s for i, s in enumerate(e.scores)} for e in evaluations]
    found = dict.fromkeys(row for column in columns for row in column)
    rows = [(row[1], *(_accuracy(column, row) for column in columns)) for row in found]
    print_rows(headings, rows, title=", ".join([*title, "accuracy %"]), right=True)
    if protocols != {"honest"}:
        echo("- paper-*: the authors' evaluation, see above; comparable with published tables, not with honest ones")


def print_verdicts(rows: "Sequence[Verdict]", stated: str) -> None:
    """Print the rows of a verification: the stated score, the new one, and whether they agree.

    Args:
        rows: as `verify` and `verify_set` return them.
        stated: the heading of the stated scores.
    """
    shown = ((row.name, percent(*row.stated), percent(*row.now), "yes" if row.agrees else "NO") for row in rows)
    print_rows(("trained on", stated, "now %", "agrees"), shown)


def _accuracy(column: "Mapping[tuple[bool, str], Score]", row: tuple[bool, str]) -> str:
    return share(column[row].mean, column[row].interval) if row in column else ""


def metric_share(metric: str, score: "Score") -> str:
    """The mean of a metric and its interval, in %; empty if the score does not have the metric."""
    found = score.of(metric)
    return share(*found) if found else ""


def ranking_share(name: str, ranking: "DDRanking | None") -> str:
    """One of DD-Ranking's scores and its interval, in %; "-" if it cannot be computed; empty without `ranking`."""
    if ranking is None:
        return ""
    found = ranking.of(name)
    return "-" if found is None else share(found.value, found.half)


def share(mean: float, half: float | None) -> str:
    """A mean and half the width of its interval, both fractions, in %; the mean alone if there is no interval."""
    return f"{100 * mean:.1f}" if half is None or math.isnan(half) else percent(100 * mean, 100 * half)


def percent(mean: float, half: float) -> str:
    """A mean in % and half the width of its interval."""
    return f"{mean:.1f} ± {half:.1f}"


def read_scores(record: str, line: Callable[[dict[str, Any]], str]) -> list[str]:
    """A line for each score in a set's record, or one line if this version cannot read them."""
    try:
        return [line(row) for row in json.loads(record).get("scores", ())]
    except (LookupError, TypeError, ValueError, AttributeError):
        return ["scores in a format that this version does not read"]


def print_facts(facts: Mapping[str, object]) -> None:
    """Print two columns, name and value."""
    wide = max(len(name) for name in facts)
    for name, value in facts.items():
        echo(f"{name:<{wide}}  {value}")
