"""Hold a recipe for graphs to the scores in its header.

As `ddkit.jobs.verify`, by ROC-AUC in % of the recipe's first network, on rows of the recipe's own table: the method,
`random` (of as many bytes as stored), `herding`, `untrained`, `whole`.
"""

from pathlib import Path

from ddkit.errors import UsageError
from ddkit.evaluation.graph_honest import STORED
from ddkit.evaluation.graph_judge import HERDING, UNTRAINED, WHOLE
from ddkit.jobs.condense_graphs import condense_graphs
from ddkit.jobs.graph_recipe import resolve_graphs
from ddkit.jobs.verify import Verdict, claims, verify_folder
from ddkit.recipe_files import find_recipe
from ddkit.run import Meter

ROWS = {"random": STORED} | {name: name for name in (HERDING, UNTRAINED, WHOLE)}
"""What a header calls the rows of the table."""


def verify_graphs(recipe: str | Path, *, out: str | Path | None = None, meter: Meter | None = None) -> list[Verdict]:
    """Distil and evaluate a recipe once, under its own seed, and hold the table against its header.

    Args:
        recipe: a shipped recipe's name or a TOML file.
        out: the run folder; default runs/verify/RECIPE.
        meter: progress; default silent.

    Example:
        >>> all(row.agrees for row in verify_graphs("mirage-digits-graphs"))
        True

    Raises:
        UsageError: the header tells no scores, or of rows that are not in the table; or the folder holds a run.
    """
    where, text = find_recipe(recipe)
    resolved, _ = resolve_graphs(recipe=recipe)
    rows = ROWS | {resolved.method.name: resolved.method.name}
    claimed = claims(text, where, set(rows), resolved.evaluate.whole)
    found = condense_graphs(recipe=recipe, out=verify_folder(recipe, out), meter=meter).evaluation
    assert found is not None
    first = resolved.evaluate.networks[0]
    now = {score.name: (100 * score.mean, 100 * score.interval) for score in found.scores if score.net in ("", first)}
    if missing := [name for name in claimed if rows[name] not in now]:
        raise UsageError(f"{where}: its header tells of '{missing[0]}', into whose bytes not one graph fits")
    return [Verdict(name, score, now[rows[name]]) for name, score in claimed.items()]
