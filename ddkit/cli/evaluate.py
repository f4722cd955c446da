"""ddkit evaluate"""

import json
from pathlib import Path

import click


@click.command()
@click.argument("source", metavar="SET")
@click.option("--protocol", default="honest", show_default=True, help="honest, or paper (selects on the test set).")
@click.option("--data", help="Where the real data is now, as npz:FILE; default where it was.")
@click.option("--net", "nets_asked", multiple=True, help="Architecture, such as resnet18; may be repeated.")
@click.option("--nets", type=int, help="Networks a row; default the recipe's.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of networks, batches and rivals.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ...")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override, as in evaluate.steps=2000.")
@click.option("--baselines/--no-baselines", default=True, show_default=True, help="Random-real, herding, k-means.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False), help="Also write the tables to a JSON file.")
def evaluate(
    source: str,
    protocol: str,
    data: str | None,
    nets_asked: tuple[str, ...],
    nets: int | None,
    seed: int,
    device: str,
    overrides: tuple[str, ...],
    baselines: bool,
    json_file: str | None,
) -> None:
    """Train fresh networks on SET and, alike, on random-real, herding and k-means sets of the same size and on the
    whole real set; print one table of test accuracies.

    SET is a file, a run folder, or a ready-made set's name.
    """
    from ddkit.cli.table import print_evaluation
    from ddkit.jobs import evaluate as job
    from ddkit.run import atomic_write, terminal_meter

    evaluations = []
    for net in nets_asked or (None,):
        with terminal_meter() as meter:
            found = job(
                source,
                protocol=protocol,
                data=data,
                net=net,
                nets=nets,
                overrides=overrides,
                seed=seed,
                device=device,
                baselines=baselines,
                meter=meter,
            )
        print_evaluation(found)
        evaluations.append(found)
    if json_file:
        with atomic_write(Path(json_file)) as temporary:
            temporary.write_text(json.dumps([e.tables() for e in evaluations], indent=2) + "\n")
