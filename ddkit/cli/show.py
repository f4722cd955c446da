"""ddkit show"""

import dataclasses
import json
from pathlib import Path
from typing import Any

import click

from ddkit.cli.output import echo


@click.command()
@click.argument("sources", metavar="SET...", nargs=-1, required=True)
@click.option("--recipe", is_flag=True, help="Print only the recipe, as TOML.")
def show(sources: tuple[str, ...], recipe: bool) -> None:
    """Print what each SET is: facts, scores, lineage, recipe. SET is a file, a run folder, or a ready-made set's name.

    One that cannot be read is a line among the others.
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
        raise DataError(f"show: {refused} of {len(sources)} sets cannot be read, see their lines")


def _show(source: str, recipe: bool) -> None:
    """One set."""
    from ddkit.cli.graphs import show_graph_set
    from ddkit.cli.table import print_facts, read_scores
    from ddkit.synth import is_graph_set, load, read_graph_set

    if is_graph_set(source):
        show_graph_set(read_graph_set(source), recipe)
        return
    synthetic = load(source)
    if recipe:
        echo(synthetic.record.recipe, end="")
        return
    facts = dataclasses.asdict(synthetic.facts)
    facts["classes"] = ", ".join(facts["classes"])
    facts["images"] = f"{len(synthetic)} of {tuple(synthetic.images.shape[1:])}, {synthetic.images.dtype}"
    facts["soft labels"] = "none" if synthetic.soft_labels is None else str(tuple(synthetic.soft_labels.shape))
    parts = synthetic.stored_bytes()
    each = " + ".join(f"{name} {size:,}" for name, size in parts.items())
    facts["bytes"] = f"{sum(parts.values()):,} before compression: {each}"
    if synthetic.compact is not None:
        facts["compact"] = synthetic.compact.told(synthetic.facts.ipc)
    if Path(source).is_file():
        facts["file"] = f"{Path(source).stat().st_size:,} bytes with recipe, lineage and HDF5's own"
    print_facts(facts)
    if lines := read_scores(synthetic.record.scores, _told):
        scores = json.loads(synthetic.record.scores)
        echo(f"\nscores (protocol {scores.get('protocol')}, {scores.get('net')})")
        for line in lines:
            echo(f"  {line}")
    for title, text in (("lineage", synthetic.record.lineage), ("environment", synthetic.record.environment)):
        echo(f"\n{title}")
        for name, value in json.loads(text).items():
            echo(f"  {name} {value}")
    echo(f"\nrecipe\n{synthetic.record.recipe}", end="")


def _told(row: dict[str, Any]) -> str:
    from ddkit.cli.table import share

    n = f"  (n = {len(row['accuracies'])})" if row["lr"] is not None else ""
    return f"{row['name']:<14} {row['images']:>6} images  {share(row['mean'], row['interval95'])} %{n}"
