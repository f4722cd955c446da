"""The rows of one table, scored side by side: with progress in what is done, and scores kept as they are there.

Work is counted in images that one network learns from, since a step on the whole data takes as long as many steps on a
small set; to classify an image takes a third of what it takes to learn from it.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

from ddkit.evaluation.score import Score
from ddkit.evaluation.training import Training
from ddkit.run import Meter, Report, Unit, work_through

Watch = Callable[[int], None]
"""Is called with the number of training steps done."""

PACE = 0.1
"""Seconds between two reports of one row: more would only wake the process that shows them."""


def paced(report: Report) -> Watch:
    """A watch that reports the steps done, not more often than every PACE seconds."""
    last = 0.0

    def watch(steps: int) -> None:
        nonlocal last
        if (now := time.monotonic()) - last >= PACE:
            last = now
            report(steps)

    return watch


@runtime_checkable
class Keep(Protocol):
    """Where scores are kept until their table is finished; a row goes by its place and name."""

    def find(self, row: str) -> Score | None:
        """The score of an earlier try."""
        ...

    def put(self, row: str, score: Score) -> None: ...


class KeepNothing:
    """Scores are in the table only."""

    def find(self, row: str) -> Score | None:
        return None

    def put(self, row: str, score: Score) -> None:
        pass


KEEP_NOTHING = KeepNothing()


@dataclass(frozen=True, eq=False)
class RowWork:
    """A row to be scored, and how much work that is.

    Attributes:
        name: the row's.
        training: of its networks.
        size: images that each learns from.
        judged: images that each classifies afterwards.
        unit: the work itself. It reports numbers of training steps that are done, and in the end the score.
        passes: how often the training is repeated.
    """

    name: str
    training: Training
    size: int
    judged: int
    unit: Unit
    passes: int = 1

    @property
    def step(self) -> int:
        """Images of a step."""
        return min(self.training.batch, self.size)

    @property
    def work(self) -> int:
        """Images that a network learns from, and a third of those that it classifies."""
        return self.passes * self.training.steps * self.step + self.judged // 3


@dataclass
class _Progress:
    """How much work of finished rows and of each row at work is done."""

    meter: Meter
    finished: int = 0
    at_work: dict[int, int] = field(default_factory=dict)

    def step(self, place: int, done: int) -> None:
        self.at_work[place] = done
        self.meter.advance(self.finished + sum(self.at_work.values()))

    def finish(self, place: int, row: RowWork, score: Score) -> None:
        self.at_work.pop(place, None)
        self.finished += row.work
        self.meter.advance(self.finished + sum(self.at_work.values()), {row.name: score.mean})


def score_all(
    title: str, rows: Sequence[RowWork], common: Any, meter: Meter, keep: Keep, workers: int = 1
) -> list[Score]:
    """The scores of all rows, in their order.

    Args:
        title: of the progress.
        rows: the work.
        common: what all of their units share.
        meter: progress, in images.
        keep: has each score as soon as it is there, and may have some from an earlier try.
        workers: rows at once, each in a process of its own; the longest is begun first. 1: one after another, here.
    """
    meter.start(f"{title}, in images", sum(row.work for row in rows))
    progress = _Progress(meter)
    scores: dict[int, Score] = {}
    for place, row in enumerate(rows):
        if (kept := keep.find(f"{place}, {row.name}")) is not None:
            scores[place] = kept
            progress.finish(place, row, kept)
    missing = [place for place in range(len(rows)) if place not in scores]
    if workers > 1:
        missing.sort(key=lambda place: -rows[place].work)
    place_of = {id(rows[place].unit): place for place in missing}

    def watch(unit: Unit, item: int | Score) -> None:
        if isinstance(item, int):
            place = place_of[id(unit)]
            progress.step(place, item * rows[place].step)

    with closing(work_through([rows[place].unit for place in missing], common, workers, watch)) as finished:
        for unit, items in finished:
            place = place_of[id(unit)]
            row = rows[place]
            scores[place] = replace(items[-1], name=row.name)
            keep.put(f"{place}, {row.name}", scores[place])
            progress.finish(place, row, scores[place])
    meter.finish()
    return [scores[place] for place in range(len(rows))]
