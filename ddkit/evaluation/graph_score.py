"""Scores of graph networks and the table they stand in."""

import dataclasses
import math
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from ddkit.evaluation.score import interval95


@dataclass(frozen=True, kw_only=True)
class GraphScore:
    """ROC-AUC, accuracy and balanced accuracy (fractions) of n networks of one kind trained on one row of the table.

    `balanced` is empty in scores that were kept before it was taken. `size` is the row's bytes as stored, `samples`
    what the networks saw at each step (for drawn rows: the first draw's), `seconds` the time that training and judging
    took.
    """

    name: str
    gnn: str
    size: int
    samples: int
    aucs: tuple[float, ...]
    accuracies: tuple[float, ...]
    seconds: float
    balanced: tuple[float, ...] = ()

    @property
    def auc(self) -> tuple[float, float]:
        """Mean and half the width of its 95 % interval over the networks."""
        return fmean(self.aucs), interval95(self.aucs)

    @property
    def accuracy(self) -> tuple[float, float]:
        """Mean and half the width of its 95 % interval over the networks."""
        return fmean(self.accuracies), interval95(self.accuracies)

    @property
    def balanced_accuracy(self) -> tuple[float, float] | None:
        """Mean and half the width of its 95 % interval over the networks, if it was taken."""
        return (fmean(self.balanced), interval95(self.balanced)) if self.balanced else None


@dataclass(frozen=True, kw_only=True)
class GraphEvaluation:
    """One table: of which graphs and trees, the scores, and what a reader must know of how they came about."""

    dataset: str
    hops: int
    on: str
    scores: tuple[GraphScore, ...]
    notes: tuple[str, ...] = ()
    uneven: bool = False
    """Whether the judged classes differ so much in size that balanced accuracy stands beside accuracy."""

    def tables(self, with_seconds: bool = True) -> dict[str, Any]:
        """Plain tables for JSON. Without seconds they are the same on every run with the same seed."""
        rows = []
        for score in self.scores:
            row = dataclasses.asdict(score) | {"auc": _plain(score.auc), "accuracy": _plain(score.accuracy)}
            if not with_seconds:
                del row["seconds"]
            rows.append(row)
        return dataclasses.asdict(self) | {"scores": rows}


def _plain(interval: tuple[float, float]) -> tuple[float, float | None]:
    """JSON knows no nan: the width of an interval that a single value has."""
    return interval[0], None if math.isnan(interval[1]) else interval[1]
