"""ddkit relabel"""

from pathlib import Path

import click

from ddkit.cli.options import OutFile, executor_options
from ddkit.cli.output import echo
from ddkit.errors import counted
from ddkit.experts.batch_norm import TEACHER_BN


@click.command()
@click.argument("source", metavar="SET")
@click.option("--out", type=OutFile(), required=True, help="File of the new set.")
@click.option("--teachers", "nets", help="Networks, separated by ; default those of the set's recipe.")
@click.option("--bundle", "files", multiple=True, type=click.Path(path_type=Path), help="A teacher's file; repeatable.")
@click.option("--temperature", default=30.0, show_default=True, help="Temperature at which the labels are learned.")
@click.option("--top-k", type=click.IntRange(1), help="Number of largest logits of a label to keep; default all.")
@click.option("--ferkd", metavar="LOW,MIDDLE,HIGH", help="FerKD's regions of confidence; default off.")
@click.option(
    "--teacher-bn",
    type=click.Choice(TEACHER_BN),
    default="running",
    show_default=True,
    help="Statistics of teachers' batch norms: their own, or those of the set's images.",
)
@click.option("--data", help="Where the real data is now, as npz:FILE; default where it was.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override, as in experts.epochs=20.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ...")
@executor_options
def relabel(
    source: str,
    out: Path,
    nets: str | None,
    files: tuple[Path, ...],
    temperature: float,
    top_k: int | None,
    ferkd: str | None,
    teacher_bn: str,
    data: str | None,
    overrides: tuple[str, ...],
    device: str,
) -> None:
    """Write SET with soft labels, which are the mean logits of teachers trained on the data that it was made from.

    Missing teachers are trained. With --ferkd, images are left out if the teachers' confidence in their class is below
    LOW or above HIGH; images between LOW and MIDDLE keep their class as label.
    """
    from ddkit.jobs import relabel as job
    from ddkit.run import terminal_meter
    from ddkit.synth import write_set

    with terminal_meter() as meter:
        made = job(
            source,
            nets=nets,
            files=files,
            temperature=temperature,
            top_k=top_k,
            ferkd=ferkd,
            teacher_bn=teacher_bn,
            data=data,
            overrides=overrides,
            device=device,
            meter=meter,
        )
    write_set(made, out)
    echo(f"wrote {out}: {counted(len(made), 'image')}, labels of {made.facts.teachers} at temperature {temperature:g}")
