"""ddkit leaderboard"""

from pathlib import Path

import click

from ddkit.cli.output import echo


@click.command()
@click.argument("sources", metavar="[SOURCE]...", nargs=-1)
@click.option("--out", type=click.Path(path_type=Path), default=Path("leaderboard"), show_default=True, help="Folder.")
def leaderboard(sources: tuple[str, ...], out: Path) -> None:
    """Write a page for each dataset with its sets in the order of their honest scores, as HTML and as Markdown.

    SOURCE is a set (a file, a run folder, a ready-made set's name), the folder of a comparison, a JSON file of ddkit
    compare or ddkit evaluate, a score file, or a folder of such files; default all ready-made sets. `ddkit evaluate SET
    --cross --scores ddranking --json FILE` adds a set's scores under other networks and DD-Ranking's numbers.
    """
    from ddkit.jobs import leaderboard as job
    from ddkit.run import terminal_meter

    with terminal_meter() as meter:
        pages = job(sources, out, meter)
    for page in pages:
        echo(f"wrote {page} and {page.with_suffix('.md').name}")
