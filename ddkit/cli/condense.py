"""ddkit condense"""

import click

from ddkit.cli.options import executor_options
from ddkit.cli.output import echo
from ddkit.data import names as images
from ddkit.data.names import NAMED
from ddkit.graphs import names as graphs
from ddkit.graphs.names import GRAPHS
from ddkit.loggers.names import LOGGERS
from ddkit.methods.table import method_names

OF_IMAGES, OF_GRAPHS = (", ".join(method_names(kind)) for kind in ("images", "graphs"))
METHOD_HELP = f"{OF_IMAGES}; for graphs {OF_GRAPHS}; default ftd; see `ddkit methods`."


@click.command()
@click.option("--method", help=METHOD_HELP)
@click.option(
    "--data",
    help=f"{', '.join((*NAMED, *images.OWN.values()))}; graphs: {', '.join((*GRAPHS, *graphs.OWN.values()))}; see "
    "`ddkit data`.",
)
@click.option("--ipc", type=int, help="Images per class.")
@click.option(
    "--fyi", is_flag=True, help="FYI: distil with mirror images; training on the set then needs random flips."
)
@click.option("--recipe", help="A recipe's name (see ddkit recipes ls) or a TOML file.")
@click.option("--out", type=click.Path(), help="Run folder; default runs/METHOD-DATA-ipcN-seedS.")
@click.option("--seed", type=int, help="Seed of all draws except the experts'.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ...")
@click.option("--resume", is_flag=True, help="Continue from the run folder's last checkpoint.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override, as in method.syn_steps=30.")
@click.option("--evaluate/--no-evaluate", default=True, show_default=True, help="Score the set at the end.")
@click.option("--log", metavar="NAME", help=f"Also log the run to {', '.join(LOGGERS)}; see docs/logging.md.")
@executor_options
def condense(
    method: str | None,
    data: str | None,
    ipc: int | None,
    fyi: bool,
    recipe: str | None,
    out: str | None,
    seed: int | None,
    device: str,
    resume: bool,
    overrides: tuple[str, ...],
    evaluate: bool,
    log: str | None,
) -> None:
    """Condense images into a few images a class, or graphs into computation trees, depending on the method.

    Without options: FTD on scikit-learn's digits, one image a class, about a minute on two cores. Options replace
    settings of the recipe, and --set replaces both. An interrupted run continues with --resume.

    `torchrun --nproc-per-node N -m ddkit condense ...` makes one set on N devices (docs/many-devices.md).
    """
    from ddkit.cli.table import print_evaluation
    from ddkit.jobs import condense as job
    from ddkit.jobs import follow
    from ddkit.ranks import joined
    from ddkit.run import terminal_meter

    with joined(device) as ranks, terminal_meter() as meter:
        if not ranks.leads:
            follow(ranks)
            return
        result = job(
            method,
            data=data,
            ipc=ipc,
            fyi=fyi,
            recipe=recipe,
            overrides=overrides,
            seed=seed,
            out=out,
            resume=resume,
            device=device,
            evaluate=evaluate,
            log=log,
            meter=meter,
            ranks=ranks,
        )
    if result.evaluation is not None:
        print_evaluation(result.evaluation)
    pictures = [name for name in ("gallery.png", "curve.png") if (result.folder / name).exists()]
    reports = [name for name in ("report.html",) if (result.folder / name).exists()]
    named = {"pictures": pictures, "report": reports, "recipe": ["recipe.toml"]}
    others = "   ".join(f"{what}: {', '.join(names)}" for what, names in named.items() if names)
    echo(f"set: {result.folder / 'set.h5'}   {others}")
