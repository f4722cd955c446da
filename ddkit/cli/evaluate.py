"""ddkit evaluate"""

from pathlib import Path

import click

from ddkit.cli.options import OutFile, executor_options, json_option, scores_option
from ddkit.cli.output import echo
from ddkit.errors import UsageError
from ddkit.evaluation.protocol_names import PROTOCOLS

HELP = (
    f"{', '.join(PROTOCOLS)}. paper-NAME is the evaluation of a paper's authors, with their selection on the test set; "
    "paper is that of the set's method. Repeatable; see `ddkit protocols`."
)


@click.command()
@click.argument("source", metavar="SET")
@click.option("--protocol", "protocols", multiple=True, default=("honest",), show_default=True, help=HELP)
@click.option("--data", help="Where the real data is now, as npz:FILE; default where it was.")
@click.option("--net", "architectures", multiple=True, help="Architecture, such as resnet18 or gin; repeatable.")
@click.option("--cross", is_flag=True, help="Train the set's own network, AlexNet, VGG11 and ResNet18, if they fit.")
@click.option("--nets", type=int, help="Networks a row; default the recipe's.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of networks, batches and rivals.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ...")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override, as in evaluate.steps=2000.")
@click.option("--baselines/--no-baselines", default=True, show_default=True, help="Random-real, herding, k-means.")
@click.option("--no-whole", is_flag=True, help="Leave out the whole real set, the slowest row.")
@scores_option
@click.option("--csv", "csv_file", type=OutFile(), help="Also write --scores as DD-Ranking's CSV files.")
@json_option
@executor_options
def evaluate(
    source: str,
    protocols: tuple[str, ...],
    data: str | None,
    architectures: tuple[str, ...],
    cross: bool,
    nets: int | None,
    seed: int,
    device: str,
    overrides: tuple[str, ...],
    baselines: bool,
    no_whole: bool,
    scores: str | None,
    csv_file: Path | None,
    json_file: Path | None,
) -> None:
    """Train fresh networks on SET and its rivals, and print a table of test accuracies for each protocol and network.

    Rivals are random-real, herding and k-means sets of the same size and the whole real set. Several tables are
    followed by a summary.

    SET is a file, a run folder, or a ready-made set's name.
    """
    from ddkit.cli.table import print_evaluation, print_summary
    from ddkit.evaluation import write_ranking
    from ddkit.jobs import evaluate_all
    from ddkit.run import terminal_meter, write_json

    if csv_file and (not scores or cross or len(architectures) > 1):
        raise UsageError("option --csv: needs --scores ddranking, and holds one table; name at most one --net")
    evaluations = []
    with terminal_meter() as meter:
        tables = evaluate_all(
            source,
            protocols=protocols,
            architectures=architectures,
            cross=cross,
            data=data,
            nets=nets,
            overrides=("evaluate.whole=false",) * no_whole + overrides,
            seed=seed,
            device=device,
            baselines=baselines,
            scores=scores,
            meter=meter,
        )
        for found in tables:
            print_evaluation(found)
            evaluations.append(found)
    if len(evaluations) > 1:
        print_summary(evaluations)
    if csv_file:
        echo(f"written: {', '.join(map(str, write_ranking(evaluations[0], csv_file)))}")
    if json_file:
        write_json(json_file, [e.tables() for e in evaluations], indent=2)
