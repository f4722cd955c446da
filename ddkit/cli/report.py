"""ddkit report"""

from pathlib import Path

import click

from ddkit.cli.output import echo


@click.command()
@click.argument("source", metavar="RUN|COMPARISON")
@click.option("--out", type=click.Path(path_type=Path), help="File; default report.html in the folder.")
def report(source: str, out: Path | None) -> None:
    """Write the report of a run or a comparison, given by its folder, as one HTML file.

    It has scores, charts, pictures, settings, lineage, and how to train on the set. Of a run that failed or was killed
    it shows what there is. Every finished run and comparison writes its report by itself.
    """
    from ddkit.jobs import report as job
    from ddkit.run import terminal_meter

    with terminal_meter() as meter:
        written = job(source, out, meter)
    echo(f"wrote {written}")
