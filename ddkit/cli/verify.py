"""ddkit verify"""

import click

from ddkit.cli.options import executor_options
from ddkit.cli.output import echo


@click.command()
@click.argument("recipe")
@click.option("--out", type=click.Path(), help="Run folder; default runs/verify/RECIPE.")
@click.option("--resume", is_flag=True, help="Continue an interrupted verification.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ...")
@executor_options
def verify(recipe: str, out: str | None, resume: bool, device: str) -> None:
    """Run RECIPE again and compare it with the scores in its header.

    Scores are accuracies, or ROC-AUC for graphs. A row agrees if the 95 % intervals of the header and of the new run
    overlap. The exit code is 1 if a row does not agree.
    """
    from ddkit.cli.table import print_verdicts
    from ddkit.jobs import verify as job
    from ddkit.jobs.verify import where_measured
    from ddkit.run import terminal_meter

    with terminal_meter() as meter:
        rows = job(recipe, out=out, resume=resume, device=device, meter=meter)
    print_verdicts(rows, "header %")
    for line in where_measured(recipe):
        echo(f"- {line}")
    if not all(row.agrees for row in rows):
        click.get_current_context().exit(1)
