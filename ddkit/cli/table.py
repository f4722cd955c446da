"""Tables on standard output."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from ddkit.evaluation import Evaluation


def print_evaluation(evaluation: "Evaluation") -> None:
    """One row a set: images, mean accuracy with interval, n, learning rate, seconds; the notes below."""
    table = Table(title=f"{evaluation.dataset}, {evaluation.net}, protocol {evaluation.protocol}", title_justify="left")
    table.add_column("trained on")
    for heading in ("images", "accuracy %", "n", "lr", "seconds"):
        table.add_column(heading, justify="right")
    for score in evaluation.scores:
        accuracy = f"{100 * score.mean:.1f} ± {100 * score.interval:.1f}"
        row = (str(score.images), accuracy, str(len(score.accuracies)), f"{score.lr:.3g}", f"{score.seconds:.1f}")
        table.add_row(score.name, *row)
    console = Console()
    console.print(table)
    for note in evaluation.notes:
        console.print(f"- {note}", highlight=False, markup=False)


def print_facts(facts: Mapping[str, object]) -> None:
    """Two columns, name and value."""
    wide = max(len(name) for name in facts)
    for name, value in facts.items():
        print(f"{name:<{wide}}  {value}")


def print_rows(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    """A plain table."""
    table = Table(*headings)
    for row in rows:
        table.add_row(*row)
    Console().print(table)
