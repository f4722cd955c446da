"""Rows of a run's table that are scored while its set is still made.

A method on small images uses one core. The rivals and the whole data depend on the set's size and labels but not on its
images, so idle cores score them meanwhile. If the run is interrupted before its set is finished, their scores are lost,
and `--resume` begins them again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic

from ddkit.executors import Ahead, in_use
from ddkit.experts import Experts
from ddkit.jobs.runs.work import Made, Scoring, Work
from ddkit.run import Meter


class EarlyRows(Generic[Made]):
    """The rows that have begun; none until `begin` is called.

    Args:
        work: the run.
        experts: of the run.
        evaluate: whether the set will be evaluated.
        meter: shows a line if a process died.
    """

    def __init__(self, work: Work[Made], experts: Experts, evaluate: bool, meter: Meter) -> None:
        self._work, self._experts, self._meter = work, experts, meter
        self._wanted = evaluate and work.run.ranks.count == 1
        self._scoring: Scoring | None = None
        self._ahead: Ahead | None = None

    def begin(self, made: Made) -> None:
        """Begin rows, given any set of the run, for example the initial one."""
        if self._wanted:
            self._scoring = self._work.scoring(made, self._experts)
            self._ahead = self._scoring.begin(self._meter)

    def poll(self) -> None:
        """Receive finished scores. To be called from time to time, because a process waits for its next row."""
        if self._ahead is not None:
            self._ahead.poll()

    @contextmanager
    def finished_by(self, scoring: Scoring) -> Iterator[None]:
        """A block in which `scoring`, the table of the finished set, is evaluated."""
        if self._ahead is None or not scoring.continues(self._scoring):
            self.close()
            yield
        else:
            with in_use(self._ahead):
                yield

    def close(self) -> None:
        """End rows that are still being scored."""
        if self._ahead is not None:
            self._ahead.close()
