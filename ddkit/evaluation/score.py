"""Scores and the table they stand in."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any


def interval95(values: Sequence[float]) -> float:
    """Half the width of the 95 % confidence interval of the mean (Student's t); nan for a single value."""
    from scipy.stats import t as student_t  # slow to import

    n = len(values)
    if n < 2:
        return math.nan
    return float(student_t.ppf(0.975, n - 1)) * stdev(values) / math.sqrt(n)


@dataclass(frozen=True, kw_only=True)
class Score:
    """Test accuracies (fractions) of n networks trained on one set, each from its own initialisation.

    `images` counts what the networks were trained on, `lr` is the learning rate they used, `seconds` the time it took,
    `validation` their mean accuracy on the validation part, by which the rate was chosen and settings may be, `size`
    the bytes of what they were trained on, images and soft labels, `balanced` the networks' balanced accuracies, where
    classes are uneven. A row that trains nothing has a single accuracy and no lr.
    """

    name: str
    images: int
    accuracies: tuple[float, ...]
    lr: float | None
    seconds: float
    validation: float | None = None
    size: int | None = None
    balanced: tuple[float, ...] | None = None

    @property
    def mean(self) -> float:
        return fmean(self.accuracies)

    @property
    def interval(self) -> float:
        """Half the width of the 95 % confidence interval of the mean over networks; nan for a single value."""
        return interval95(self.accuracies)

    def plain(self) -> dict[str, Any]:
        """The score for JSON, with its mean and interval; None where a single value has no interval."""
        interval = None if math.isnan(self.interval) else self.interval
        return dataclasses.asdict(self) | {"mean": self.mean, "interval95": interval}


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """One table: which protocol, which network, the scores, and what a reader must know of how they came about."""

    protocol: str
    dataset: str
    net: str
    seed: int
    scores: tuple[Score, ...]
    notes: tuple[str, ...] = ()

    def tables(self, with_seconds: bool = True) -> dict[str, Any]:
        """Plain tables for JSON. Without seconds they are the same on every run with the same seed."""
        rows = []
        for score in self.scores:
            row = score.plain()
            if not with_seconds:
                del row["seconds"]
            rows.append(row)
        return dataclasses.asdict(self) | {"scores": rows}
