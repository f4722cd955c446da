"""ddkit import"""

from pathlib import Path
from typing import Any

import click

from ddkit.cli.options import OutFile
from ddkit.cli.output import echo
from ddkit.errors import counted


@click.command("import")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--data", required=True, help="The real data that the set was distilled from, as cifar10 or npz:FILE.")
@click.option("--out", type=OutFile(), help="File of the set; default FILE's name with .h5 in this folder.")
@click.option("--space", metavar="SPACE", help="raw, normalised or zca; default by the values, if they show it.")
@click.option("--mean", metavar="M,M,M", help="Means of normalised images; default the authors'.")
@click.option("--std", metavar="S,S,S", help="Standard deviations; default the authors'.")
@click.option("--method", help="Method that made the set, as dm; default by the file's name.")
@click.option("--ipc", type=int, help="Images a class, to be compared with those found.")
@click.option("--net", help="Network for training on the set; default convnet.")
@click.option("--augment", help="Augmentation for training on the set; default that of the method's authors.")
@click.option("--labels", help="File of labels, or blocks (class by class); default the one beside the images.")
@click.option("--entry", type=int, help="Which set of a file of several, from 0; default the last one.")
@click.option("--factor", type=int, help="Each image is FACTOR x FACTOR small ones (IDC, NCFM); 1: it is not.")
@click.option("--lr", type=float, help="Learned learning rate; default that of a file beside the images.")
@click.option("--temperature", type=float, help="At which labels that are logits are learned; default 1.")
@click.option("--fyi", is_flag=True, help="The set was made with FYI, so that training on it mirrors images.")
@click.option("--force", is_flag=True, help="Keep space, method and data, though values or the file's name disagree.")
@click.option("--check", is_flag=True, help="Train a few networks on the set and on random real images.")
@click.option("--device", default="auto", show_default=True, help="Of the check: auto, cpu, cuda, cuda:1, ...")
def import_set(path: Path, out: Path | None, mean: str | None, std: str | None, **options: Any) -> None:
    """Read FILE, a set that others released, and write it as a set of ddkit.

    FILE is a .pt file of DC, DSA, DM, MTT, FTD, DATM, IDC or NCFM, an .npz or .parquet file, or a folder of pictures or
    of parquet files (docs/import.md). What is assumed is printed, and stands in the set's lineage.
    """
    from ddkit.data.settings import numbers
    from ddkit.jobs import import_set as job
    from ddkit.run import refuse_no_file, terminal_meter
    from ddkit.synth import save

    out = out or Path(f"{path.absolute().stem}.h5")
    refuse_no_file(out)
    constants = [None if text is None else numbers(text, name) for text, name in ((mean, "--mean"), (std, "--std"))]
    with terminal_meter() as meter:
        made = job(path, mean=constants[0], std=constants[1], **options, meter=meter)
    save(made, out)
    facts = made.facts
    echo(f"wrote {out}: {counted(sum(facts.each), 'image')} of {facts.dataset}, {facts.images_a_class} a class")
