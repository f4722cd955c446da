"""ddkit buffer"""

import click

from ddkit.cli.output import echo
from ddkit.errors import counted


@click.group()
def buffer() -> None:
    """Buffers of expert trajectories, kept under DDKIT_HOME and shared by all runs with equal settings."""


@buffer.command()
def ls() -> None:
    """List the buffers."""
    from ddkit.cli.grid import print_rows
    from ddkit.experts import list_buffers
    from ddkit.home import home

    found = list_buffers(home() / "buffers")
    rows = ((b.name, str(len(b.experts)), f"{b.size / 2**20:.1f} MiB") for b in found)
    print_rows(("buffer", "experts", "size"), rows)
    for b in found:
        if b.strays:
            echo(f"- {b.name}: ignored, because they are not experts' files: {', '.join(b.strays)}")


@buffer.command()
@click.argument("names", nargs=-1)
def verify(names: tuple[str, ...]) -> None:
    """Check every row of every expert against its checksum, and the rest of its file against its digest.

    Without NAMES, all buffers are checked.
    """
    from ddkit.experts import find_buffers
    from ddkit.home import home

    for found in find_buffers(home() / "buffers", names):
        with found.in_use():
            found.verify_key()
            for expert in found.experts:
                found.verify(expert)
            unsealed = sum(not found.sealed(expert) for expert in found.experts)
        remark = f"; {unsealed} of an earlier version have checksums of their rows only" if unsealed else ""
        echo(f"{found.name}: {counted(len(found.experts), 'expert')} good{remark}")


@buffer.command()
@click.argument("names", nargs=-1, required=True)
def rm(names: tuple[str, ...]) -> None:
    """Delete buffers. They are trained again when a recipe needs them."""
    from ddkit.experts import find_buffers
    from ddkit.home import home

    for found in find_buffers(home() / "buffers", names):
        echo(found.remove())
