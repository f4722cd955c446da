"""ddkit doctor"""

import click


@click.command()
@click.option("--smoke/--no-smoke", default=True, show_default=True, help="Also run a small job, about ten seconds.")
def doctor(smoke: bool) -> None:
    """Report versions, devices, compiler, data and disk, and run a smoke job. Paste this into a bug report."""
    from ddkit.cli.table import print_facts
    from ddkit.jobs import doctor as job

    facts, healthy = job(smoke)
    print_facts(facts)
    if not healthy:
        click.get_current_context().exit(1)
