"""The result of a comparison: a table with a line for each recipe and rival."""

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ddkit.evaluation import Score, over_sets

MEANS = ("mean", "interval95", "auc", "accuracy")
"""Keys of a score's means and intervals in JSON."""


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

    @property
    def keys(self) -> dict[str, str]:
        """Heading -> text, for the columns that say where the line belongs."""
        return {"data, ipc": f"{self.data}, {self.ipc}", "flips": f"{self.flip_share:.2g}", "labels": self.labels}

    @cached_property
    def overall(self) -> Score:
        """Over the means of the sets where there are several, else over the one set's networks; lr is the first's."""
        return over_sets(self.scores)


@dataclass(frozen=True)
class LineOfGraphs:
    """One line of a table of graphs.

    Attributes:
        data, hops: where it belongs.
        net: the kind of the networks.
        name: the recipe's name, or a rival's.
        scores: one a seed, each of several networks.
        seconds: of making a set, by seed; empty for what is not made.
    """

    data: str
    hops: int
    net: str
    name: str
    scores: tuple[Score, ...]
    seconds: tuple[float, ...] = ()
    expert_seconds: None = None

    @property
    def keys(self) -> dict[str, str]:
        """Heading -> text, for the columns that say where the line belongs."""
        return {"data, hops": f"{self.data}, {self.hops}", "network": self.net}

    @cached_property
    def overall(self) -> Score:
        """Over the means of the seeds where there are several, else over the one seed's networks."""
        return over_sets(self.scores)


@dataclass(frozen=True)
class Comparison:
    """The table, the part of the data that was judged on, what a reader must know of how it came about, and the files
    of sets that were left out because they cannot be read."""

    on: str
    lines: tuple[Line, ...] | tuple[LineOfGraphs, ...]
    notes: tuple[str, ...]
    damaged: tuple[str, ...] = ()
    uneven: bool = True
    """False: classes of graphs are even, so balanced accuracy is not shown."""

    def tables(self) -> dict[str, Any]:
        """Plain tables for JSON."""
        lines = [
            dataclasses.asdict(dataclasses.replace(line, scores=()))
            | {"scores": [score.kept() for score in line.scores]}
            | {key: value for key, value in line.overall.plain().items() if key in MEANS}
            for line in self.lines
        ]
        return {"on": self.on, "lines": lines, "notes": list(self.notes)}
