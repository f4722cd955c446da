"""ddkit teachers"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ddkit.cli.options import OutFile, executor_options
from ddkit.cli.output import echo
from ddkit.errors import counted

if TYPE_CHECKING:
    from ddkit.errors import DataError
    from ddkit.experts.teachers.bundle import TeacherFacts


@click.group()
def teachers() -> None:
    """Teachers, kept under DDKIT_HOME and shared by all recipes with equal settings. Each file is a bundle of weights,
    class order, normalisation and accuracy."""


@teachers.command()
@click.option("--recipe", help="A recipe's name or file, whose teachers are trained; default infer's for digits.")
@click.option("--data", help="Data instead of the recipe's.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override, as in experts.epochs=20.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ...")
@executor_options
def train(recipe: str | None, data: str | None, overrides: tuple[str, ...], device: str) -> None:
    """Train the missing teachers of a recipe."""
    from ddkit.jobs import train_teachers
    from ddkit.run import terminal_meter

    with terminal_meter() as meter:
        found = train_teachers(recipe, data=data, overrides=overrides, device=device, meter=meter)
    for bundle in found:
        echo(f"{bundle.facts.net}: validation accuracy {100 * bundle.facts.validation_accuracy:.1f} %")


@teachers.command()
def ls() -> None:
    """List the teachers."""
    from ddkit.cli.grid import print_rows

    found, bad = _read(())
    rows = []
    for file, facts in found.items():
        texts = ("bad", "", "") if facts is None else (facts.data, facts.net, f"{100 * facts.validation_accuracy:.1f}")
        size = file.stat().st_size if file.exists() else 0  # another command may be removing it
        rows.append((file.stem, *texts, f"{size / 2**20:.1f} MiB"))
    print_rows(("teacher", "data", "network", "validation %", "size"), rows)
    if bad:
        raise bad[0]


@teachers.command()
@click.argument("names", nargs=-1)
def verify(names: tuple[str, ...]) -> None:
    """Check teachers' files and print their classes. Without NAMES, all teachers are checked."""
    found, bad = _read(names)
    for file, facts in found.items():
        state = (
            "bad"
            if facts is None
            else f"good; {counted(len(facts.classes), 'class', 'classes')}, '{facts.classes[0]}' first"
        )
        echo(f"{file.stem}: {state}")
    if bad:
        raise bad[0]


def _read(names: tuple[str, ...]) -> "tuple[dict[Path, TeacherFacts | None], list[DataError]]":
    """(file -> its facts, None if it cannot be read; the errors). A bad file does not end the listing."""
    from ddkit.errors import DataError
    from ddkit.experts import read_bundle
    from ddkit.jobs import teacher_files

    found: dict[Path, TeacherFacts | None] = {}
    bad = []
    for file in teacher_files(names):
        try:
            found[file] = read_bundle(file).facts
        except DataError as error:
            found[file] = None
            bad.append(error)
    return found, bad


@teachers.command()
@click.argument("names", nargs=-1, required=True)
def rm(names: tuple[str, ...]) -> None:
    """Delete teachers. They are trained again when a recipe needs them."""
    from ddkit.jobs import remove_teacher, teacher_files

    for file in teacher_files(names):
        echo(remove_teacher(file))


@teachers.command()
@click.argument("name")
@click.option("--out", type=OutFile(), required=True, help="File.")
def export(name: str, out: Path) -> None:
    """Copy a teacher's bundle to a file. Other users read it by `relabel --bundle FILE` or experts.nets=file:FILE."""
    from ddkit.experts import read_bundle, write_bundle
    from ddkit.jobs import teacher_files

    write_bundle(read_bundle(teacher_files((name,))[0]), out)
    echo(f"wrote {out}")
