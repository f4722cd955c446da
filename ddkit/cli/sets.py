"""ddkit sets"""

import json

import click


@click.group()
def sets() -> None:
    """The sets that ship with ddkit; load one with ddkit.load("NAME")."""


@sets.command()
def ls() -> None:
    """List the ready-made sets with their scores."""
    from ddkit.cli.table import print_rows, share
    from ddkit.synth import list_sets, load

    rows = []
    for name in list_sets():
        synthetic = load(name)
        scores = json.loads(synthetic.record.scores).get("scores", [])
        shown = ", ".join(f"{s['name']} {share(s['mean'], s['interval95'])}" for s in scores)
        facts = synthetic.facts
        rows.append((name, facts.dataset, facts.method, str(facts.ipc), shown or "not measured"))
    print_rows(("name", "data", "method", "ipc", "accuracy % (honest)"), rows)
