"""ddkit show"""

import json
from collections.abc import Iterator
from typing import Any

import click

from ddkit.cli.output import echo


@click.command()
@click.argument("sources", metavar="SET...", nargs=-1, required=True)
@click.option("--recipe", is_flag=True, help="Print only the recipe, as TOML.")
def show(sources: tuple[str, ...], recipe: bool) -> None:
    """Print facts, scores, lineage and recipe of each SET. SET is a file, a run folder, or a ready-made set's name.

    If one of several sets cannot be read, a line says so, and the others are printed.
    """
    from ddkit.errors import DataError, printable

    if len(sources) == 1:
        _show(sources[0], recipe)
        return
    refused = 0
    for number, source in enumerate(sources):
        echo(f"\n{printable(source)}" if number else printable(source))
        try:
            _show(source, recipe)
        except DataError as error:
            refused += 1
            echo(f"ddkit: {error}", error=True)
    if refused:
        raise DataError(f"show: {refused} of {len(sources)} sets cannot be read; see their lines above")


def _show(source: str, recipe: bool) -> None:
    """Print one set."""
    from ddkit.cli.table import print_facts, read_scores
    from ddkit.jobs import describe

    found = describe(source)
    if recipe:
        echo(found.record.recipe, end="")
        return
    print_facts(found.facts)
    if lines := read_scores(found.record.scores, _score_line):
        scores = json.loads(found.record.scores)
        echo(f"\nscores (protocol {scores.get('protocol', 'honest')}, {scores.get('net', 'see lines')})")
        for line in lines:
            echo(f"  {line}")
    for title, text in (("lineage", found.record.lineage), ("environment", found.record.environment)):
        echo(f"\n{title}")
        for line in _lines(json.loads(text)):
            echo(f"  {line}")
    echo(f"\nrecipe\n{found.record.recipe}", end="")


def _lines(table: dict[str, Any]) -> Iterator[str]:
    """The lines of a table. Those of a table in it, and of a list of texts, are indented."""
    for name, value in table.items():
        texts = isinstance(value, list) and bool(value) and all(isinstance(each, str) for each in value)
        if texts or (name == "release" and isinstance(value, dict)):
            yield name
            yield from (f"  {line}" for line in (value if texts else _lines(value)))
        else:
            yield f"{name} {value}"


def _score_line(row: dict[str, Any]) -> str:
    """The line of one score in a set's record."""
    from ddkit.cli.table import share

    if "gnn" in row:
        auc, accuracy = share(*row["auc"]), share(*row["accuracy"])
        return f"{row['name']:<26} {row['gnn']:<5} AUC {auc}, accuracy {accuracy} %"
    n = f"  (n = {len(row['accuracies'])})" if row["lr"] is not None else ""
    return f"{row['name']:<14} {row['images']:>6} images  {share(row['mean'], row['interval95'])} %{n}"
