"""Scores as JSON: in the files that keep them, in sets, and in the tables that commands write.

Scores of images and of graphs have had keys of their own since the first version, and keep them.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ddkit.errors import DataError
from ddkit.evaluation.score import ACCURACY, AUC, BALANCED, Score
from ddkit.run import AGAIN, read_json, write_json

Fractions = tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class _Images:
    name: str
    images: int
    accuracies: Fractions
    lr: float | None
    seconds: float
    validation: float | None = None
    size: int | None = None
    balanced: Fractions | None = None


@dataclass(frozen=True, kw_only=True)
class _Graphs:
    name: str
    gnn: str
    size: int
    samples: int
    aucs: Fractions
    accuracies: Fractions
    seconds: float
    balanced: Fractions = ()
    """Empty in scores of the first version."""


def to_json(score: Score) -> dict[str, Any]:
    """The keys and values of a score."""
    metrics, balanced = score.metrics, score.metrics.get(BALANCED)
    layout: _Images | _Graphs
    if score.main == AUC:
        layout = _Graphs(
            name=score.name,
            gnn=score.net,
            size=score.size or 0,
            samples=score.samples,
            aucs=metrics[AUC],
            accuracies=metrics[ACCURACY],
            seconds=score.seconds,
            balanced=balanced or (),
        )
    else:
        layout = _Images(
            name=score.name,
            images=score.samples,
            accuracies=metrics[ACCURACY],
            lr=score.lr,
            seconds=score.seconds,
            validation=score.validation,
            size=score.size,
            balanced=balanced,
        )
    return dataclasses.asdict(layout)


def write_score(file: Path, score: Score) -> None:
    """Keep a score in a file of its own."""
    write_json(file, to_json(score))


def read_score(file: Path) -> Score:
    """The score that such a file keeps.

    Raises:
        DataError: the file is damaged.
    """
    kept = read_json(file, _Graphs if "aucs" in read_json(file, dict[str, Any]) else _Images)
    metrics: dict[str, Fractions] = {AUC: kept.aucs} if isinstance(kept, _Graphs) else {}
    metrics |= {ACCURACY: kept.accuracies} | ({BALANCED: kept.balanced} if kept.balanced else {})
    if not all(values and all(0 <= value <= 1 for value in values) for values in metrics.values()):
        raise DataError(f"file '{file}': holds no score, whose figures lie between 0 and 1; {AGAIN}")
    if isinstance(kept, _Graphs):
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
