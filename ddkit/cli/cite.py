"""ddkit cite"""

import click

from ddkit.cli.output import echo


@click.command()
@click.argument("sources", metavar="SET|METHOD...", nargs=-1, required=True)
def cite(sources: tuple[str, ...]) -> None:
    """Print BibTeX of the papers behind each SET or METHOD: the method's, and those of all pieces that are on."""
    from ddkit.jobs import cite as job

    echo(job(*sources))
