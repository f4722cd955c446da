"""The result of a comparison: a table with a line for each recipe and rival."""

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ddkit.evaluation import DDRANKING, DDRanking, Score, over_sets

MEANS = ("mean", "interval95", "auc", "accuracy")
"""Keys of a score's means and intervals in JSON."""


@dataclass(frozen=True)
class Line:
    """One line of the table: what was trained on, and a score for each of its sets.

    Attributes:
        data, ipc: the real data, and images a class (a text if classes are uneven). Lines with equal ones stand in one
            part of the table.
        flip_share: the probability that an image is mirrored in a step of the networks' training.
        labels: the policy of labels in the networks' training, one of `ddkit.evaluation.settings.LABEL_POLICIES`.
        name: the name of the method or of the rival. If several recipes of the part have one method: the recipe's name.
            Both state how images are packed: "mtt+2x2", "mtt-digits-ipc1-2x2".
        scores: one for each set, over several networks. A rival has a score for each seed of the sets.
        seconds: the seconds in which each set was condensed; empty for rivals.
        expert_seconds: the seconds in which the recipe's experts were trained; None if no comparison in this folder
            trained them.
        ranking: DD-Ranking's scores of the recipe's sets; None if they were not asked for.
        network: the networks that were trained.
    """

    data: str
    ipc: int | str
    flip_share: float
    labels: str
    name: str
    scores: tuple[Score, ...]
    seconds: tuple[float, ...] = ()
    expert_seconds: float | None = None
    ranking: DDRanking | None = None
    network: str = ""

    @property
    def keys(self) -> dict[str, str]:
        """Heading -> text, for the columns that name the part of the table."""
        return {"data, ipc": f"{self.data}, {self.ipc}", "flips": f"{self.flip_share:.2g}", "labels": self.labels}

    @cached_property
    def overall(self) -> Score:
        """The score over the means of several sets, or over the networks of a single set. lr is the first set's."""
        return over_sets(self.scores)


@dataclass(frozen=True)
class LineOfGraphs:
    """One line of a table of graphs.

    Attributes:
        data, hops: the graphs, and the depth of trees; lines with equal ones stand in one part of the table.
        net: the kind of the networks.
        name: the name of the recipe or of the rival.
        scores: one for each seed, over several networks.
        seconds: the seconds in which the set of each seed was made; empty for rivals.
        expert_seconds: None, because methods for graphs have no experts.
        ranking: None, because DD-Ranking's scores are of images.
    """

    data: str
    hops: int
    net: str
    name: str
    scores: tuple[Score, ...]
    seconds: tuple[float, ...] = ()
    expert_seconds: None = None
    ranking: None = None

    @property
    def keys(self) -> dict[str, str]:
        """Heading -> text, for the columns that name the part of the table."""
        return {"data, hops": f"{self.data}, {self.hops}", "network": self.net}

    @cached_property
    def overall(self) -> Score:
        """The score over the means of several seeds, or over the networks of a single seed."""
        return over_sets(self.scores)


@dataclass(frozen=True)
class Comparison:
    """The result of a comparison.

    Attributes:
        on: the part of the data on which networks were judged.
        lines: of the table.
        notes: on how the figures were obtained, and on sets that were left out.
        damaged: the files of sets that were left out because they cannot be read.
        uneven: whether the table shows balanced accuracy. It is False if the classes of all graphs are even.
    """

    on: str
    lines: tuple[Line, ...] | tuple[LineOfGraphs, ...]
    notes: tuple[str, ...]
    damaged: tuple[str, ...] = ()
    uneven: bool = True

    def tables(self) -> dict[str, Any]:
        """Plain tables for JSON."""
        return {"on": self.on, "lines": [_plain(line) for line in self.lines], "notes": list(self.notes)}


def _plain(line: Line | LineOfGraphs) -> dict[str, Any]:
    """A line for JSON."""
    own = dataclasses.asdict(dataclasses.replace(line, scores=(), ranking=None))
    del own["ranking"]
    own |= {"scores": [score.kept() for score in line.scores]}
    own |= {key: value for key, value in line.overall.plain().items() if key in MEANS}
    return own if line.ranking is None else own | {DDRANKING: line.ranking.tables()}
