"""ddkit compare"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import click

from ddkit.cli.options import executor_options, json_option, scores_option
from ddkit.cli.output import echo
from ddkit.errors import counted
from ddkit.evaluation.settings import FLIP_POLICIES, LABEL_POLICIES

if TYPE_CHECKING:
    from ddkit.jobs.comparison.lines import Comparison, Line, LineOfGraphs


@click.command()
@click.argument("recipes", nargs=-1, required=True)
@click.option("--sets", default=3, show_default=True, help="Sets of each recipe, under successive seeds.")
@click.option("--nets", type=int, help="Networks trained on each set; default the recipes'.")
@click.option("--on", default="test", show_default=True, help="Part that networks are judged on: test or validation.")
@click.option("--flips", multiple=True, help=f"Flips in training: {', '.join(FLIP_POLICIES)}; repeatable.")
@click.option("--labels", multiple=True, help=f"Labels: {', '.join(LABEL_POLICIES)}; repeatable.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override, for all recipes.")
@click.option("--out", default="runs/compare", show_default=True, help="Folder of runs and scores.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ...")
@scores_option
@json_option
@executor_options
def compare(
    recipes: tuple[str, ...],
    sets: int,
    nets: int | None,
    on: str,
    flips: tuple[str, ...],
    labels: tuple[str, ...],
    overrides: tuple[str, ...],
    out: str,
    device: str,
    scores: str | None,
    json_file: Path | None,
) -> None:
    """Condense each of RECIPES (names or files) several times, and print one table.

    The table has accuracies with intervals and minutes of each recipe, and accuracies of random-real, herding, k-means
    and the whole data under equal training. RECIPE+fyi is RECIPE with FYI, RECIPE+2x2 with
    images packed 2 x 2.

    Finished sets and scores are kept in --out. After an interruption, the same command continues there.
    """
    from ddkit.errors import DataError
    from ddkit.jobs import compare as job
    from ddkit.run import terminal_meter, write_json

    with terminal_meter() as meter:
        found = job(
            recipes,
            sets=sets,
            nets=nets,
            overrides=overrides,
            out=out,
            on=on,
            flips=flips,
            labels=labels,
            device=device,
            scores=scores,
            meter=meter,
        )
    _print(found)
    if json_file:
        write_json(json_file, found.tables(), indent=2)
    if found.damaged:
        raise DataError(
            f"compare: left out {counted(len(found.damaged), 'set')} that cannot be read; see the table's notes"
        )


def _print(found: "Comparison") -> None:
    from ddkit.cli.table import METRICS, print_filled
    from ddkit.evaluation.ddranking import TITLES

    lines = found.lines
    flips, labels = ({line.keys.get(heading, "") for line in lines} for heading in ("flips", "labels"))
    mirrored, labelled = len(flips) > 1, labels - {"", "auto"}
    shown = [*dict.fromkeys(heading for line in lines for heading in line.keys)]
    shown = [heading for heading in shown if {"flips": mirrored, "labels": labelled}.get(heading, True)]
    metrics = dict.fromkeys(metric for line in lines for metric in line.overall.metrics)
    if not found.uneven:
        metrics.pop("balanced", None)
    headings = {metric: METRICS[metric] for metric in metrics}
    if found.on != "test":  # not a score to publish
        headings = {metric: f"{found.on} {heading}" for metric, heading in headings.items()}
        headings["accuracy"] = f"{found.on} %" if len(metrics) == 1 else headings["accuracy"]
    columns: dict[str, Callable[[Any], str]] = {heading: partial(_key, heading) for heading in shown}
    columns["trained on"] = lambda line: line.name
    columns |= {heading: partial(_metric, metric) for metric, heading in headings.items()}
    if found.on == "test":
        columns["validation %"] = lambda line: _percent(line.overall.validation)
    if any(line.ranking for line in lines):
        columns |= {title: partial(_ranking, name) for name, title in TITLES.items()}
    columns["n"] = lambda line: (
        f"{len(line.scores)} x {len(line.scores[0].accuracies)}" if line.overall.lr or line.overall.net else ""
    )
    columns["bytes"] = lambda line: f"{line.overall.size:,}" if line.overall.size is not None else ""
    columns["min/set"] = lambda line: f"{fmean(line.seconds) / 60:.1f}" if line.seconds else ""
    columns["experts"] = lambda line: f"{line.expert_seconds / 60:.1f}" if line.expert_seconds is not None else ""
    print_filled(lines, columns, keys=len(shown) + 1)
    if any(line.expert_seconds is not None for line in lines):
        echo("- experts: minutes to train them on all cores in this folder")
    echo("- min/set: minutes to make a set on one core")
    if "network" not in shown:
        echo("- bytes: of images and soft labels before compression; real images have a byte a value")
    if labelled:
        echo(
            "- labels: hard: classes; static: stored logits of the teachers for each image; dynamic: logits that the "
            "teachers compute for each batch, so training needs the teachers"
        )
    if mirrored:
        echo("- flips: probability with which an image is mirrored at each step of the networks' training")
    for note in found.notes:
        echo(f"- {note}")


def _key(heading: str, line: "Line | LineOfGraphs") -> str:
    return line.keys[heading]


def _metric(metric: str, line: "Line | LineOfGraphs") -> str:
    from ddkit.cli.table import metric_share

    return metric_share(metric, line.overall)


def _ranking(name: str, line: "Line | LineOfGraphs") -> str:
    from ddkit.cli.table import ranking_share

    return ranking_share(name, line.ranking)


def _percent(fraction: float | None) -> str:
    return "" if fraction is None else f"{100 * fraction:.1f}"
