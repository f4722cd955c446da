"""Files of single scores."""

from pathlib import Path
from typing import Any

from ddkit.errors import DataError
from ddkit.evaluation.score import ACCURACY, AUC, BALANCED, Score
from ddkit.evaluation.score_layout import Fractions, OfGraphs, OfImages
from ddkit.run import AGAIN, read_json, write_json


def write_score(file: Path, score: Score) -> None:
    """Write a score to a file."""
    write_json(file, score.kept())


def read_score(file: Path) -> Score:
    """The score in a file.

    Raises:
        DataError: the file is damaged.
    """
    kept = read_json(file, OfGraphs if "aucs" in read_json(file, dict[str, Any]) else OfImages)
    metrics: dict[str, Fractions] = {AUC: kept.aucs} if isinstance(kept, OfGraphs) else {}
    metrics |= {ACCURACY: kept.accuracies} | ({BALANCED: kept.balanced} if kept.balanced else {})
    if not all(values and all(0 <= value <= 1 for value in values) for values in metrics.values()):
        raise DataError(f"file '{file}': holds figures that are not between 0 and 1, so it is not a score; {AGAIN}")
    if isinstance(kept, OfGraphs):
        return Score(
            name=kept.name, net=kept.gnn, metrics=metrics, samples=kept.samples, size=kept.size, seconds=kept.seconds
        )
    return Score(
        name=kept.name,
        metrics=metrics,
        samples=kept.images,
        seconds=kept.seconds,
        lr=kept.lr,
        validation=kept.validation,
        size=kept.size,
    )
