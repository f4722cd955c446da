"""Scores and tables of scores, for images and for graphs."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from ddkit.evaluation.ddranking import DDRANKING, DDRanking
from ddkit.evaluation.score_layout import OfGraphs, OfImages

ACCURACY, BALANCED, AUC = "accuracy", "balanced", "auc"
"""Names of metrics: accuracy, balanced accuracy (if classes are uneven), area under the ROC curve."""


def interval95(values: Sequence[float]) -> float:
    """Half the width of the 95 % confidence interval of the mean (Student's t); nan for a single value."""
    from scipy.stats import t as student_t  # slow to import

    n = len(values)
    if n < 2:
        return math.nan
    return float(student_t.ppf(0.975, n - 1)) * stdev(values) / math.sqrt(n)


@dataclass(frozen=True, kw_only=True)
class Score:
    """The metrics of n networks that were trained on one row of a table, each from its own initialisation.

    Attributes:
        name: of the row.
        metrics: name -> a fraction for each network. The first metric is the main one.
        samples: number of images, or of samples of graphs, that the networks were trained on.
        seconds: of training and judging.
        net: the kind of the networks, in a table that has several; else "".
        lr: the learning rate; None for a row without training, and if all rows have the same.
        validation: mean accuracy on the validation part, by which the learning rate was chosen.
        size: bytes of the training data; for a set of images, of its images and soft labels.
    """

    name: str
    metrics: Mapping[str, tuple[float, ...]]
    samples: int
    seconds: float
    net: str = ""
    lr: float | None = None
    validation: float | None = None
    size: int | None = None

    @property
    def main(self) -> str:
        """The name of the main metric."""
        return next(iter(self.metrics))

    @property
    def mean(self) -> float:
        """The mean of the main metric over the networks."""
        return fmean(self.metrics[self.main])

    @property
    def interval(self) -> float:
        """Half the width of the main metric's 95 % confidence interval over the networks; nan for a single value."""
        return interval95(self.metrics[self.main])

    @property
    def accuracies(self) -> tuple[float, ...]:
        """The accuracy of each network."""
        return self.metrics[ACCURACY]

    def of(self, metric: str) -> tuple[float, float] | None:
        """Mean of a metric and half the width of its 95 % interval; None if the score does not have the metric."""
        values = self.metrics.get(metric)
        return (fmean(values), interval95(values)) if values else None

    def kept(self) -> dict[str, Any]:
        """The score for JSON, without values that can be computed from others."""
        metrics, balanced = self.metrics, self.metrics.get(BALANCED)
        layout: OfImages | OfGraphs
        if self.main == AUC:
            layout = OfGraphs(
                name=self.name,
                gnn=self.net,
                size=self.size or 0,
                samples=self.samples,
                aucs=metrics[AUC],
                accuracies=metrics[ACCURACY],
                seconds=self.seconds,
                balanced=balanced or (),
            )
        else:
            layout = OfImages(
                name=self.name,
                images=self.samples,
                accuracies=metrics[ACCURACY],
                lr=self.lr,
                seconds=self.seconds,
                validation=self.validation,
                size=self.size,
                balanced=balanced,
            )
        return dataclasses.asdict(layout)

    def plain(self) -> dict[str, Any]:
        """The score for JSON with means and intervals. The interval of a single value is None."""

        def pair(metric: str) -> tuple[float, float | None]:
            mean, half = self.of(metric) or (math.nan, math.nan)
            return mean, None if math.isnan(half) else half

        if self.main == AUC:
            return self.kept() | {"auc": pair(AUC), "accuracy": pair(ACCURACY)}
        mean, half = pair(self.main)
        return self.kept() | {"mean": mean, "interval95": half}


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """One table.

    Attributes:
        protocol: how the networks were trained and judged.
        dataset: the real data.
        net: the network of all rows by spec; for graphs, where each row has its network, the number of hops.
        seed: of all draws.
        scores: the rows.
        notes: lines on how the figures were obtained.
        hops: depth of the trees of a set of graphs; None for images.
        uneven: whether classes of graphs differ so much in size that the table states balanced accuracy.
        ranking: DD-Ranking's scores of the set, the first row; None if they were not asked for.
    """

    protocol: str
    dataset: str
    net: str
    seed: int
    scores: tuple[Score, ...]
    notes: tuple[str, ...] = ()
    hops: int | None = None
    uneven: bool = False
    ranking: DDRanking | None = None

    def tables(self, with_seconds: bool = True) -> dict[str, Any]:
        """Plain tables for JSON. Without seconds, they are equal in all runs with the same seed."""
        rows = []
        for score in self.scores:
            row = score.plain()
            if not with_seconds:
                del row["seconds"]
            rows.append(row)
        if self.hops is None:
            keys = ("protocol", "dataset", "net", "seed", "scores", "notes")
            own: dict[str, Any] = {key: getattr(self, key) for key in keys}
        else:
            own = {"dataset": self.dataset, "hops": self.hops, "on": "test", "scores": rows, "notes": self.notes}
            own["uneven"] = self.uneven
        if self.ranking is not None:
            own[DDRANKING] = self.ranking.tables()
        return own | {"scores": rows}


def without_networks(name: str, metrics: Mapping[str, float], samples: int, **more: Any) -> Score:
    """The score of a row without networks, which has a single figure for each metric."""
    return Score(
        name=name, metrics={key: (value,) for key, value in metrics.items()}, samples=samples, seconds=0.0, **more
    )


def over_sets(scores: Sequence[Score]) -> Score:
    """One score for the scores of several sets. Its figures are the sets' means; lr and samples are the first set's.

    The score of a single set is returned unchanged, so that its interval is over the networks.
    """
    if len(scores) == 1:
        return scores[0]
    first = scores[0]
    validations = [score.validation for score in scores if score.validation is not None]
    metrics = {
        key: tuple(fmean(score.metrics[key]) for score in scores if key in score.metrics) for key in first.metrics
    }
    return dataclasses.replace(
        first,
        metrics=metrics,
        seconds=sum(score.seconds for score in scores),
        validation=fmean(validations) if validations else None,
    )
