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
    """Write SET for trainers that do not read HDF5: images in network space and in pixels, labels, facts.

    --to h5 writes the file of an earlier version of ddkit anew, with a digest.
    """
    from ddkit.jobs import raw_images
    from ddkit.run import terminal_meter
    from ddkit.synth import export as write
    from ddkit.synth import export_graphs, is_graph_set, load, read_graph_set

    if is_graph_set(source):
        target = out or Path(f"{Path(source).stem}.{kind}")
        echo(f"wrote {export_graphs(read_graph_set(source), kind, target)}")
        return
    synthetic = load(source)
    name = Path(source).stem
    target = out or Path(name if kind == "png" else f"{name}.{kind}")
    with terminal_meter() as meter:
        raw = synthetic.images if kind == "h5" else raw_images(synthetic, data)  # the set's own file holds no pixels
        echo(f"wrote {write(synthetic, raw, kind, target, meter=meter)}")
    if kind in ("npz", "pt") and synthetic.facts.temperature is not None:
        echo(
            f"soft_label holds logits, to be learned at temperature {synthetic.facts.temperature:g}; "
            "probability holds what a plain loss takes"
        )
