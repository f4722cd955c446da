"""ddkit methods, nets, data, experts, protocols: names that recipes and commands accept, and their settings"""

import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from ddkit.cli.output import echo

if TYPE_CHECKING:
    from ddkit.jobs.catalogues import Explanation

WIDTH = 80
"""Characters of a line."""


def _group(catalogue: str, doc: str) -> click.Group:
    """The commands `ls` and `show NAME` of one catalogue."""

    def ls() -> None:
        from ddkit.cli.grid import print_rows
        from ddkit.jobs.catalogues import CATALOGUES

        print_rows(("name", "what"), CATALOGUES[catalogue].lines().items(), wraps="what")

    def show(name: str) -> None:
        from ddkit.jobs.catalogues import CATALOGUES

        _print(CATALOGUES[catalogue].explain(name))

    group = click.Group(catalogue, help=doc)
    group.command("ls", help=f"List the {catalogue}.")(ls)
    named = click.argument("name", shell_complete=_completion(catalogue))
    group.command("show", help="Print NAME's description, its settings with default, range and help, its recipes.")(
        named(show)
    )
    return group


def _completion(catalogue: str) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """The names that begin with the typed text."""

    def complete(context: click.Context, parameter: click.Parameter, typed: str) -> list[str]:
        from ddkit.jobs.catalogues import CATALOGUES

        return [name for name in CATALOGUES[catalogue].lines() if name.startswith(typed)]

    return complete


def _print(found: "Explanation") -> None:
    """Print the paragraphs, the settings (two lines or more for each) and the recipes."""
    from ddkit.cli.grid import print_columns

    for paragraph in found.about:
        echo(textwrap.fill(paragraph, WIDTH, break_on_hyphens=False))
    for group in found.settings:
        prefix = f"{group.section}." if group.section else ""
        first = group.lines[0]
        echo(f"\n{group.title}" + (f", as in --set {prefix}{first.key}={first.value}:" if prefix else ":"))
        for line in group.lines:
            echo(_indented(f"{prefix}{line.key} = {line.value}" + f"   ({line.allowed})" * bool(prefix), "  "))
            echo(_indented(line.help, "      "))
    if found.recipes:
        echo("\nrecipes:")
        print_columns(found.recipes)


def _indented(text: str, indent: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent="      ", break_on_hyphens=False)


methods = _group("methods", "Methods: the paper, the settings and the recipes of each.")
nets = _group("nets", "Networks and their settings.")
data = _group("data", "Datasets with a name, and the names of your own data.")
experts = _group("experts", "Kinds of experts and their settings.")
protocols = _group("protocols", "Protocols of evaluation and their settings.")
