"""ddkit compare"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ddkit.cli.output import echo
from ddkit.evaluation.settings import FLIP_POLICIES, LABEL_POLICIES

if TYPE_CHECKING:
    from ddkit.jobs import Comparison


@click.command()
@click.argument("recipes", nargs=-1, required=True)
@click.option("--sets", default=3, show_default=True, help="Sets of each recipe, under seeds that count up.")
@click.option("--nets", type=int, help="Networks trained on each set; default the recipes'.")
@click.option("--on", default="test", show_default=True, help="Part to be judged on: test, or validation.")
@click.option("--flips", multiple=True, help=f"Flips in training: {', '.join(FLIP_POLICIES)}; repeatable.")
@click.option("--labels", multiple=True, help=f"Labels: {', '.join(LABEL_POLICIES)}; repeatable.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override, for all recipes.")
@click.option("--out", default="runs/compare", show_default=True, help="Folder of runs and scores.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ...")
@click.option("--json", "json_file", type=click.Path(dir_okay=False), help="Also write the table to a JSON file.")
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
    json_file: str | None,
) -> None:
    """Condense RECIPES (names or files) several times each and print one table: accuracies with intervals beside
    random-real, herding, k-means and the whole data, all trained alike, and minutes. RECIPE+fyi is RECIPE with FYI.

    What is finished is kept in --out: the same command goes on after a kill.
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
            meter=meter,
        )
    _print(found)
    if json_file:
        write_json(Path(json_file), found.tables(), indent=2)
    if found.damaged:
        raise DataError(
            f"compare: left out {len(found.damaged)} of its sets, which cannot be read; see the table's notes"
        )


def _print(found: "Comparison") -> None:
    from statistics import fmean

    from ddkit.cli.grid import print_rows
    from ddkit.cli.table import metric_share, share

    mirrored = len({line.flip_share for line in found.lines}) > 1
    taught = {line.labels for line in found.lines} != {"auto"}
    balanced = any(line.overall.of("balanced") for line in found.lines)
    rows = []
    for line in found.lines:
        where = (f"{line.data}, {line.ipc}", *[f"{line.flip_share:.2g}"] * mirrored, *[line.labels] * taught)
        score = line.overall
        accuracy = (share(score.mean, score.interval), *[metric_share("balanced", score)] * balanced)
        chosen_by = [f"{100 * score.validation:.1f}" if score.validation is not None else ""] * (found.on == "test")
        n = f"{len(line.scores)} x {len(line.scores[0].accuracies)}" if score.lr else ""
        minutes = f"{fmean(line.seconds) / 60:.1f}" if line.seconds else ""
        experts = f"{line.expert_seconds / 60:.1f}" if line.expert_seconds is not None else ""
        size = f"{score.size:,}" if score.size is not None else ""
        rows.append((*where, line.name, *accuracy, *chosen_by, n, size, minutes, experts))
    judged = ["accuracy %" if found.on == "test" else f"{found.on} %", *["balanced %"] * balanced]
    judged += ["validation %"] * (found.on == "test")
    headings = ("data, ipc", *["flips"] * mirrored, *["labels"] * taught, "trained on", *judged, "n", "bytes")
    headings += ("min/set", "experts")
    print_rows(headings, rows, keys=headings.index("trained on") + 1, right=True)
    echo("- min/set: minutes to condense a set on one core, experts: to train them on all cores, where this folder did")
    echo("- bytes: of a set's numbers before compression, images and soft labels; real images a byte a value")
    if taught:
        echo(
            "- labels: hard: classes; static: the teachers' logits of each image, stored; dynamic: the teachers name "
            "each batch as it is learned, and must be at hand"
        )
    if mirrored:
        echo("- flips: probability with which an image is mirrored, at each step, in the training of all networks")
    for note in found.notes:
        echo(f"- {note}")
