"""ddkit methods, nets, data, experts, protocols: the names that a recipe or a command may give, and their settings"""

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
    """`ls` and `show NAME` of one catalogue."""

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
    group.command("show", help="Print what NAME is, its settings with default, range and help, its recipes.")(
        named(show)
    )
    return group


def _completion(catalogue: str) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """The names that begin as what was typed."""

    def complete(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
        from ddkit.jobs.catalogues import CATALOGUES

        return [name for name in CATALOGUES[catalogue].lines() if name.startswith(begun)]

    return complete


def _print(found: "Explanation") -> None:
    """The paragraphs, each setting in two lines or more, and the recipes."""
    from ddkit.cli.grid import print_columns

    for paragraph in found.about:
        echo(textwrap.fill(paragraph, WIDTH, break_on_hyphens=False))
    for group in found.settings:
        begin = f"{group.section}." if group.section else ""
        first = group.lines[0]
        echo(f"\n{group.title}" + (f", as in --set {begin}{first.key}={first.value}:" if begin else ":"))
        for line in group.lines:
            echo(_indented(f"{begin}{line.key} = {line.value}" + f"   ({line.allowed})" * bool(begin), "  "))
            echo(_indented(line.help, "      "))
    if found.recipes:
        echo("\nrecipes:")
        print_columns(found.recipes)


def _indented(text: str, indent: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent="      ", break_on_hyphens=False)


methods = _group("methods", "Methods: the paper, the settings and the recipes of each.")
nets = _group("nets", "Networks and their settings.")
data = _group("data", "Data that goes by a name, and how your own is named.")
experts = _group("experts", "Kinds of experts and their settings.")
protocols = _group("protocols", "Protocols of evaluation, and what each one does.")
