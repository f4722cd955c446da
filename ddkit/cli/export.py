"""ddkit export"""

from pathlib import Path

import click

from ddkit.cli.output import echo


@click.command()
@click.argument("source", metavar="SET")
@click.option("--to", "kind", required=True, help="npz, png (a folder, one sub-folder a class; images), pt, or h5.")
@click.option("--out", type=click.Path(path_type=Path), help="File or folder; default the set's name.")
@click.option("--data", help="Where the real data of a whitened set is now, as npz:FILE; default where it was.")
def export(source: str, kind: str, out: Path | None, data: str | None) -> None:
    """Write SET in another format: images in network space and in pixels, labels, facts.

    --to h5 converts the file of an earlier version of ddkit to this version's, with a digest.
    """
    from ddkit.jobs import kind_of_set
    from ddkit.run import terminal_meter

    with terminal_meter() as meter:
        for line in kind_of_set(source).export(source, kind, out, data, meter):
            echo(line)
