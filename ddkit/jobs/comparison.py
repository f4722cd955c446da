"""What a comparison gives: a table with a line for each recipe and rival."""

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Any

from ddkit.evaluation import Score


@dataclass(frozen=True)
class Line:
    """One line of the table: what was trained on, and a score for each of its sets.

    Attributes:
        data, ipc: where it belongs.
        flip_share: the probability with which an image was mirrored, at each step, when networks were trained.
        labels: the policy of labels it was trained under, see `ddkit.evaluation.settings.LABEL_POLICIES`.
        name: the method's name (the recipe's, where two recipes of one method stand together), or a rival's.
        scores: one a set, each of several networks.
        seconds: of condensing a set, by set; empty for what is not condensed.
        expert_seconds: what its experts took, where this comparison or an earlier one in the folder trained them.
    """

    data: str
    ipc: int
    flip_share: float
    labels: str
    name: str
    scores: tuple[Score, ...]
    seconds: tuple[float, ...] = ()
    expert_seconds: float | None = None

    @cached_property
    def overall(self) -> Score:
        """Over the means of the sets where there are several, else over the one set's networks; lr is the first's."""
        if len(self.scores) == 1:
            return self.scores[0]
        means = tuple(score.mean for score in self.scores)
        balanced = [fmean(score.balanced) for score in self.scores if score.balanced is not None]
        told = [score.validation for score in self.scores if score.validation is not None]
        return dataclasses.replace(
            self.scores[0],
            accuracies=means,
            seconds=sum(s.seconds for s in self.scores),
            validation=fmean(told) if told else None,
            balanced=tuple(balanced) or None,
        )


@dataclass(frozen=True)
class Comparison:
    """The table, the part of the data that was judged on, what a reader must know of how it came about, and the files
    of sets that were left out because they cannot be read."""

    on: str
    lines: tuple[Line, ...]
    notes: tuple[str, ...]
    damaged: tuple[str, ...] = ()

    def tables(self) -> dict[str, Any]:
        """Plain tables for JSON."""
        lines = [
            dataclasses.asdict(line) | {key: line.overall.plain()[key] for key in ("mean", "interval95")}
            for line in self.lines
        ]
        return {"on": self.on, "lines": lines, "notes": list(self.notes)}
