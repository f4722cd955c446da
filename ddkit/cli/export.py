"""ddkit export"""

from pathlib import Path

import click

from ddkit.cli.output import echo


@click.command()
@click.argument("source", metavar="SET")
@click.option("--to", "kind", required=True, help="npz, pt, h5, png (a folder, one sub-folder a class; images), or hf.")
@click.option("--out", type=click.Path(path_type=Path), help="File or folder; default the set's name.")
@click.option("--data", help="Where the real data of a whitened set is now, as npz:FILE; default where it was.")
@click.option("--push", metavar="USER/NAME", help="With --to hf: upload the folder to this repository of the Hub.")
@click.option("--private", is_flag=True, help="With --push: only you see the repository.")
def export(source: str, kind: str, out: Path | None, data: str | None, push: str | None, private: bool) -> None:
    """Write SET in another format: images in network space and in pixels, or graphs as PyG's objects; labels, facts.

    --to h5 converts the file of an earlier version of ddkit to this version's, with a digest.

    --to hf writes a dataset repository for the Hugging Face Hub: parquet, card, preview, Croissant, and the set's file.
    """
    from ddkit.jobs import export as job
    from ddkit.run import terminal_meter

    with terminal_meter() as meter:
        written = job(source, kind, out, data=data, push=push, private=private, meter=meter)
    echo(f"wrote {written}")
