"""ddkit jobs"""

import click

from ddkit.cli.output import echo


@click.group()
def jobs() -> None:
    """The work that commands with --executor slurm sent to the cluster."""


@jobs.command()
def ls() -> None:
    """List the calls, the latest first. Each is one job array, or several."""
    from ddkit.cli.grid import print_rows
    from ddkit.executors.slurm_calls import slurm_calls
    from ddkit.home import home

    rows = [
        (
            call.folder.name,
            f"{call.began:%Y-%m-%d %H:%M}",
            call.state,
            f"{min(call.finished, call.file.units)}/{call.file.units}",
            call.file.jobs[0] if call.file.jobs else "",
            call.file.command,
        )
        for call in slurm_calls()
    ]
    print_rows(("call", "began", "state", "finished", "first job", "command"), rows)
    echo(f"- logs: {home() / 'slurm' / 'CALL' / 'jobs'}")


@jobs.command()
@click.option("--lost", is_flag=True, help="Also calls whose command was killed; their jobs are cancelled.")
def clean(lost: bool) -> None:
    """Remove the folders of calls that have ended, with their logs."""
    from ddkit.executors.slurm_calls import clean_calls

    for line in clean_calls(lost):
        echo(f"- {line}")
