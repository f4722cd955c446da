"""Score the rows of tables in parallel, show the progress, and store each score when it is finished.

For images, the unit of progress is one training image of one network, because steps on the whole data and on a small
set differ much in time. The classification of an image counts as a third. For graphs, see `graph_row_work`.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

import torch

from ddkit.evaluation.score import Score
from ddkit.evaluation.training import Training
from ddkit.executors import HERE, Needs, Report, Unit, Watch, executor_in_use
from ddkit.run import Meter

StepWatch = Callable[[int], None]
"""A function that is called with the number of finished training steps."""

PACE = 0.1
"""Least seconds between two reports of one row. More reports would only cost time in the process that shows them."""


def paced(report: Report) -> StepWatch:
    """A watch that reports the number of finished steps at most every PACE seconds."""
    last = 0.0

    def watch(steps: int) -> None:
        nonlocal last
        if (now := time.monotonic()) - last >= PACE:
            last = now
            report(steps)

    return watch


@runtime_checkable
class Keep(Protocol):
    """A store of scores. A text names a row: its place and name in the table, or all that its score depends on."""

    def find(self, row: str) -> Score | None:
        """The stored score of an interrupted evaluation; None if there is none."""
        ...

    def put(self, row: str, score: Score) -> None:
        """Store a score."""
        ...


class KeepNothing:
    """A store that keeps no scores."""

    def find(self, row: str) -> Score | None:
        return None

    def put(self, row: str, score: Score) -> None:
        pass


KEEP_NOTHING = KeepNothing()


@runtime_checkable
class Scorable(Protocol):
    """A row to be scored.

    Attributes:
        name: of the row.
        key: names the stored score; "": by the row's place and name.
        unit: the work itself. It reports the number of finished training steps. Its result is the score.
        work: the amount of work, in the unit of progress.
        step: the amount of work of one training step.
    """

    @property
    def name(self) -> str: ...

    @property
    def key(self) -> str: ...

    @property
    def unit(self) -> Unit: ...

    @property
    def work(self) -> int: ...

    @property
    def step(self) -> int: ...


@dataclass(frozen=True, eq=False)
class RowWork:
    """A row of a table of images to be scored, and the amount of work.

    Attributes:
        name: of the row.
        training: of its networks.
        size: number of images that each network is trained on.
        judged: number of images that each network classifies afterwards.
        unit: the work itself. It reports the number of finished training steps. Its result is the score.
        passes: number of successive trainings.
        key: names the stored score; see `Scorable`.
    """

    name: str
    training: Training
    size: int
    judged: int
    unit: Unit
    passes: int = 1
    key: str = ""

    @property
    def step(self) -> int:
        """Number of images in a step."""
        return min(self.training.batch, self.size)

    @property
    def work(self) -> int:
        """Training images of a network in all steps, and a third of the images that it classifies."""
        return self.passes * self.training.steps * self.step + self.judged // 3


@dataclass
class _Progress:
    """The finished work: of finished rows, and of each row that is being scored."""

    meter: Meter
    finished: int = 0
    running: dict[int, int] = field(default_factory=dict)

    def step(self, place: int, done: int) -> None:
        self.running[place] = done
        self.meter.advance(self.finished + sum(self.running.values()))

    def finish(self, place: int, row: Scorable, score: Score) -> None:
        self.running.pop(place, None)
        self.finished += row.work
        self.meter.advance(self.finished + sum(self.running.values()), {row.name: score.mean})


def score_all(
    title: str,
    rows: Sequence[Scorable],
    common: Any,
    meter: Meter,
    keep: Keep,
    needs: Needs | None = None,
    *,
    counted: str = "images",
) -> list[Score]:
    """The scores of all rows, in their order.

    Args:
        title: of the progress.
        rows: the work.
        common: the argument that all units share.
        meter: progress.
        keep: stores each score when it is finished, and may have scores of an interrupted evaluation.
        needs: what one row needs. The executor in use scores the rows; if it scores several at once, the longest begins
            first. None: one after another in this process.
        counted: the unit of progress.
    """
    meter.start(f"{title}, in {counted}", sum(row.work for row in rows))
    progress = _Progress(meter)
    scores: dict[int, Score] = {}
    keys = [row.key or f"{place}, {row.name}" for place, row in enumerate(rows)]
    for place, row in enumerate(rows):
        if (kept := keep.find(keys[place])) is not None:
            scores[place] = kept
            progress.finish(place, row, kept)
    missing = [place for place in range(len(rows)) if place not in scores]
    executor = HERE if needs is None else executor_in_use()
    needs = needs or Needs(torch.device("cpu"))
    if executor.at_once(needs) > 1:
        missing.sort(key=lambda place: -rows[place].work)
    place_of = {id(rows[place].unit): place for place in missing}

    def progressed(unit: Unit, steps: int) -> None:
        place = place_of[id(unit)]
        progress.step(place, steps * rows[place].step)

    units = [rows[place].unit for place in missing]
    with closing(executor.run(units, common, needs, Watch(progressed, meter.say))) as finished:
        for unit, score in finished:
            place = place_of[id(unit)]
            row = rows[place]
            scores[place] = replace(score, name=row.name)
            keep.put(keys[place], scores[place])
            progress.finish(place, row, scores[place])
    meter.finish()
    return [scores[place] for place in range(len(rows))]
