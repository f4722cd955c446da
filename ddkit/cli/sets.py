"""ddkit sets"""

import json
from typing import TYPE_CHECKING, Any

import click

from ddkit.cli.options import executor_options

if TYPE_CHECKING:
    from ddkit.synth import GraphFacts, SetFacts

RIVALS = ("random-real, same labels", "random-real", "random,")
"""Beginnings of the names of random rows. The first one has labels by the set's teachers, as the set has."""


@click.group()
def sets() -> None:
    """The sets that ship with ddkit; load one with ddkit.load("NAME")."""


@sets.command()
@click.option("--data", help="Only sets of this dataset.")
@click.option("--method", help="Only sets of this method.")
def ls(data: str | None, method: str | None) -> None:
    """List the ready-made sets: bytes of images, trees and soft labels, and scores under protocol honest.

    The score is accuracy for images, and for graphs the ROC-AUC of the first kind of network (GIN), with its 95 %
    interval over networks; `ddkit show NAME` prints all rows. `random` is the score of random real images, or graphs,
    of the same size; if teachers labelled the set, they label these too. `ddkit sets verify NAME` measures both again.
    """
    from ddkit.cli.grid import print_rows
    from ddkit.cli.output import echo
    from ddkit.synth import SetFacts, describe, list_sets

    rows = []
    for name, file in list_sets().items():
        found = describe(file)
        facts, size = found.facts, f"{found.stored_bytes:,}"
        wanted = ((data, facts.dataset), (method, facts.method))
        if all((given or own).lower() == own.lower() for given, own in wanted):
            ipc = facts.images_a_class if isinstance(facts, SetFacts) else f"{facts.hops} hops"
            scores = _scores(json.loads(found.record.scores), facts)
            rows.append((name, facts.dataset, facts.method, ipc, size, *scores))
    if not rows:
        echo("no ready-made set is of that data and method; `ddkit sets ls` lists all")
        return
    print_rows(("name", "data", "method", "ipc", "bytes", "honest %", "random %"), rows)


@sets.command()
@click.argument("source", metavar="SET")
@click.option("--data", help="Where the real data is now, as npz:FILE or tu:DIR; default where it was.")
@click.option("--seed", type=int, help="Of the networks; default that of the scores in the file.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ...")
@executor_options
def verify(source: str, data: str | None, seed: int | None, device: str) -> None:
    """Train networks on SET and its rivals again and compare them with the scores in its file.

    A row agrees if both 95 % intervals overlap. The exit code is 1 if a row does not agree.
    """
    from ddkit.cli.table import print_verdicts
    from ddkit.jobs import verify_set
    from ddkit.run import terminal_meter

    with terminal_meter() as meter:
        rows = verify_set(source, data=data, seed=seed, device=device, meter=meter)
    print_verdicts(rows, "in the file %")
    if not all(row.agrees for row in rows):
        click.get_current_context().exit(1)


def _scores(table: dict[str, Any], facts: "SetFacts | GraphFacts") -> tuple[str, str]:
    """The scores of the set, and of random real images or graphs of its size, as texts.

    If the set's images are packed, the random images are packed alike.

    The set of images is the first row of its table. A set of graphs has a row of its method for each network, of which
    the first counts, as it does for the random graphs.
    """
    from ddkit.cli.table import share
    from ddkit.synth import packed_rival

    try:
        rows = [
            (row["name"], row["auc"] if "auc" in row else (row["mean"], row["interval95"])) for row in table["scores"]
        ]
        own = next(score for name, score in rows if name.partition("+")[0] == facts.method)
        packed = packed_rival("", getattr(facts, "formation", None))
        alike = [(name.removesuffix(packed), score) for name, score in rows if name.endswith(packed)]
        rivals = [score for title in RIVALS for name, score in alike if name.startswith(title)]
        random = rivals[0] if rivals else None
        return share(*own), share(*random) if random else ""
    except (LookupError, TypeError, ValueError, AttributeError, StopIteration):
        return "not measured", ""
