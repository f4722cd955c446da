"""ddkit graphs"""

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ddkit.cli.options import executor_options, json_option
from ddkit.cli.output import echo
from ddkit.errors import counted
from ddkit.methods.table import method_names

if TYPE_CHECKING:
    from ddkit.evaluation import Score

OF_GRAPHS = ", ".join(method_names("graphs"))
HEADINGS = ("trained on", "network", "bytes", "samples", "AUC %", "accuracy %", "balanced %", "n")
BALANCED = HEADINGS.index("balanced %")


@click.command()
@click.argument("data", nargs=-1, required=True)
@click.option(
    "--hops", multiple=True, type=click.IntRange(1), default=(2,), show_default=True, help="Depth; repeatable."
)
@click.option(
    "--ratio",
    "ratios",
    multiple=True,
    type=click.FloatRange(0, 1, min_open=True),
    default=(0.01, 0.05),
    show_default=True,
    help="Size, as a share of the training graphs' bytes; repeatable.",
)
@click.option("--method", "methods", multiple=True, help=f"{OF_GRAPHS}; default all; repeatable.")
@click.option("--on", default="test", show_default=True, help="Part that networks are judged on: test or validation.")
@click.option("--seed", default=0, show_default=True, help="Seed of networks and draws.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="As in evaluate.nets=3.")
@click.option("--out", default="runs/graphs", show_default=True, help="Folder of scores.")
@json_option
@executor_options
def graphs(
    data: tuple[str, ...],
    hops: tuple[int, ...],
    ratios: tuple[float, ...],
    methods: tuple[str, ...],
    on: str,
    seed: int,
    overrides: tuple[str, ...],
    out: str,
    json_file: Path | None,
) -> None:
    """Distil the graphs of DATA (names, see ddkit condense) and print one table of ROC-AUC and accuracy with intervals.

    Rivals are a classifier on graph sizes alone, untrained networks, random and herded graphs of equal bytes, and all
    training graphs. Finished scores are kept in --out. After an interruption, the same command continues there.
    """
    from ddkit.cli.grid import print_rows
    from ddkit.jobs import graph_table
    from ddkit.run import terminal_meter, write_json

    with terminal_meter() as meter:
        found = graph_table(
            data,
            hops=hops,
            ratios=ratios,
            methods=methods,
            on=on,
            seed=seed,
            overrides=overrides,
            out=out,
            meter=meter,
        )
    headings = _shown(HEADINGS, found.uneven)
    for (name, depth), lines in groupby(found.lines, key=lambda line: (line.data, line.hops)):
        echo(f"{name}, {counted(depth, 'hop')}")
        rows = []
        for line in lines:
            trained_on, *texts = _shown(_row_texts(line.score), found.uneven)
            rows.append((trained_on, "" if line.ratio is None else f"{100 * line.ratio:g} %", *texts))
        print_rows((headings[0], "size", *headings[1:]), rows, keys=3, right=True)
    for note in (*found.missing, *found.notes):
        echo(f"- {note}")
    if json_file:
        write_json(json_file, found.tables(), indent=2)


def _row_texts(score: "Score") -> tuple[str, ...]:
    """The texts of a row, one for each of HEADINGS."""
    from ddkit.cli.table import metric_share

    counts = (str(score.size), str(score.samples)) if score.size else ("", "")
    figures = (metric_share(metric, score) for metric in ("auc", "accuracy", "balanced"))
    return (score.name, score.net, *counts, *figures, str(len(score.accuracies)))


def _shown(texts: tuple[str, ...], uneven: bool) -> tuple[str, ...]:
    """The texts of a row that are printed: balanced accuracy only if classes are uneven."""
    return texts if uneven else texts[:BALANCED] + texts[BALANCED + 1 :]
