"""The score of one set beside its rivals: a row of a leaderboard."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ddkit.evaluation.ddranking import TITLES
from ddkit.jobs.reports.score_rows import ShownRow

DECIMALS = 6
"""Of the scores in a score file (docs/pages/keep.py)."""


@dataclass(frozen=True)
class Standing:
    """The score of one set, or of several sets of one recipe, under one kind of network.

    Attributes:
        made: names the set, so that its scores under several networks are found.
        data: the dataset.
        net: the networks; "" if the source does not state them.
        row: the set's row.
        rivals: the other rows of its table.
        seconds: mean time of making a set, without experts; None if the source does not state it.
        expert_seconds: time of training the experts; None likewise.
        ranking: DD-Ranking's scores, each (value, low, high) or None.
        source: names the table of the score; "" if that is `made`.
        rounded: whether the source has only the rounded mean, and no score of a single network or set.
    """

    made: str
    data: str
    net: str
    row: ShownRow
    rivals: tuple[ShownRow, ...]
    seconds: float | None = None
    expert_seconds: float | None = None
    ranking: Mapping[str, Any] | None = None
    source: str = ""
    rounded: bool = False

    def __post_init__(self) -> None:
        """Raise TypeError or ValueError if a field is none that a measurement has."""
        if not isinstance(self.data, str) or not self.data.strip() or not self.data.isprintable():
            raise ValueError(f"data {self.data!r}")
        if not isinstance(self.net, str) or not self.net.isprintable():
            raise ValueError(f"networks {self.net!r}")
        for seconds in (self.seconds, self.expert_seconds):
            if seconds is not None and not 0 <= seconds < math.inf:
                raise ValueError(f"{seconds} seconds")
        ranking = self.ranking or {}
        if not isinstance(ranking, Mapping):
            raise TypeError(f"DD-Ranking's scores {ranking!r}")
        for found in filter(None, map(ranking.get, TITLES)):
            value, *ends = found
            if len(ends) != 2 or not all(math.isfinite(end) for end in (value, *ends) if end is not None):
                raise ValueError(f"DD-Ranking's score {found!r}")

    @property
    def measurement(self) -> tuple[object, ...]:
        """Equal for the same measurement in two sources: two trainings never have equal scores.

        Score files have six decimals. Two trainings can have equal rounded means, which therefore are one measurement
        only in one source.
        """
        values = tuple(round(value, DECIMALS) for value in self.row.values)
        return self.data.lower(), self.net, self.row.name, self.row.samples, values, self.made if self.rounded else ""

    def completed(self, other: "Standing") -> "Standing":
        """The standing with what only `other`, of the same measurement, states."""
        seconds = other.seconds if self.seconds is None else self.seconds
        experts = other.expert_seconds if self.expert_seconds is None else self.expert_seconds
        rivals = max(self.rivals, other.rivals, key=len)
        ranking = self.ranking or other.ranking
        return replace(self, seconds=seconds, expert_seconds=experts, rivals=rivals, ranking=ranking)


def one_of_each(standings: Sequence[Standing]) -> list[Standing]:
    """Join the sources of a set: a repeated measurement is one standing, and the set has one name everywhere."""
    first: dict[tuple[object, ...], Standing] = {}
    same: dict[str, str] = {}
    for one in standings:
        before = first.setdefault(one.measurement, one)
        if before.made != one.made:
            same[one.made] = same.get(before.made, before.made)
        first[one.measurement] = before.completed(one)
    return [replace(one, made=same.get(one.made, one.made)) for one in first.values()]
