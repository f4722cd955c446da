"""Train networks on a finished set again and compare the scores with those in its file."""

import json
import math
from pathlib import Path
from typing import Any

from ddkit.arguments import checked
from ddkit.errors import DataError, UsageError
from ddkit.evaluation import MAJORITY, Evaluation
from ddkit.jobs.evaluate import evaluate
from ddkit.jobs.verify import Verdict
from ddkit.run import Meter
from ddkit.synth import GraphSet, SyntheticSet, load

Row = tuple[bool, str, str]
"""Names a row: whether it is the set's own, its name, and the network if rows have different ones."""


@checked
def verify_set(
    source: SyntheticSet | GraphSet | str | Path,
    *,
    data: str | None = None,
    seed: int | None = None,
    device: str = "auto",
    meter: Meter | None = None,
) -> list[Verdict]:
    """Train networks on a set and its rivals, and compare the scores with those in the set's file.

    The row `whole` is left out, because it does not depend on the set.

    Args:
        source: the set, its file, its run folder, or the name of a ready-made set.
        data: where the real data is now; default where it was when the set was made.
        seed: of the networks; default that of the scores in the file.
        device, meter: as for `evaluate`.

    Example:
        >>> all(row.agrees for row in verify_set("digits-ftd-ipc1"))
        True

    Raises:
        UsageError: the file has no scores.
        DataError: the set or its real data is missing or damaged.
    """
    made = load(source) if isinstance(source, str | Path) else source
    where = f"set '{made.facts.dataset}'" if made is source else f"set '{source}'"
    stated, recorded_seed = _recorded(json.loads(made.record.scores), where)
    found = _scores(
        evaluate(
            made,
            data=data,
            seed=recorded_seed if seed is None else seed,
            overrides=("evaluate.whole=false",),
            device=device,
            meter=meter,
        )
    )
    return [
        Verdict(f"{row[1]} {row[2]}".strip(), score, found[row])
        for row, score in stated.items()
        if row in found and row[1] != MAJORITY
    ]


def _recorded(table: dict[str, Any], where: str) -> tuple[dict[Row, tuple[float, float]], int]:
    """The scores of a set's record, by row, in %, and their seed."""
    found: dict[Row, tuple[float, float]] = {}
    try:
        for place, row in enumerate(table.get("scores", ())):
            mean, half = row["auc"] if "auc" in row else (row["mean"], row["interval95"])
            found[place == 0, row["name"], row.get("gnn", "")] = 100 * mean, 100 * (half or 0.0)
        seed = int(table.get("seed", 0))
    except (LookupError, TypeError, ValueError, AttributeError):
        raise DataError(f"{where}: its scores have a form that this version does not read; score it again") from None
    if not found:
        raise UsageError(f"{where}: its file has no scores to compare with; `ddkit evaluate` scores a set")
    return found, seed


def _scores(evaluation: Evaluation) -> dict[Row, tuple[float, float]]:
    found: dict[Row, tuple[float, float]] = {}
    for place, score in enumerate(evaluation.scores):
        half = 0.0 if math.isnan(score.interval) else score.interval
        found[place == 0, score.name, score.net] = 100 * score.mean, 100 * half
    return found
