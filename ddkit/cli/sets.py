"""ddkit sets"""

import click


@click.group()
def sets() -> None:
    """The sets that ship with ddkit; load one with ddkit.load("NAME")."""


@sets.command()
def ls() -> None:
    """List the ready-made sets with their scores."""
    from ddkit.cli.grid import print_rows
    from ddkit.cli.table import read_scores, share
    from ddkit.synth import describe, list_sets

    rows = []
    for name, file in list_sets().items():
        found = describe(file)
        lines = read_scores(found.record.scores, lambda s: f"{s['name']} {share(s['mean'], s['interval95'])}")
        shown, facts = "\n".join(lines), found.facts
        rows.append((name, facts.dataset, facts.method, str(facts.ipc), shown or "not measured"))
    print_rows(("name", "data", "method", "ipc", "accuracy % (honest)"), rows)
