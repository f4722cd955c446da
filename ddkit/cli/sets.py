"""ddkit sets"""

import click


@click.group()
def sets() -> None:
    """The sets that ship with ddkit; load one with ddkit.load("NAME")."""


@sets.command()
def ls() -> None:
    """List the ready-made sets with their scores."""
    from ddkit.cli.table import print_rows, read_scores, share
    from ddkit.synth import list_sets, load

    rows = []
    for name in list_sets():
        synthetic = load(name)
        lines = read_scores(synthetic.record.scores, lambda s: f"{s['name']} {share(s['mean'], s['interval95'])}")
        shown = ", ".join(lines)
        facts = synthetic.facts
        rows.append((name, facts.dataset, facts.method, str(facts.ipc), shown or "not measured"))
    print_rows(("name", "data", "method", "ipc", "accuracy % (honest)"), rows)
