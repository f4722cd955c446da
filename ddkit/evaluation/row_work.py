"""The rows of one table, scored one after the other: with progress in what is done, and scores kept as they are there.

Work is counted in images that one network learns from, since a step on the whole data takes as long as many steps on a
small set; to classify an image takes a third of what it takes to learn from it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from ddkit.evaluation.score import Score
from ddkit.evaluation.training import Training
from ddkit.run import Meter

Watch = Callable[[int], None]
"""Is called with the number of training steps done."""

Keep = Callable[[str, Callable[[], Score]], Score]
"""(name of a row, how to score it) -> its score; it may be one that was kept from an earlier try."""


def keep_nothing(name: str, score: Callable[[], Score]) -> Score:
    """Score the row."""
    return score()


@dataclass(frozen=True)
class RowWork:
    """A row to be scored, and how much work that is.

    Attributes:
        name: the row's.
        training: of its networks.
        size: images that each learns from.
        judged: images that each classifies afterwards.
        score: the work itself.
        passes: how often the training is repeated.
    """

    name: str
    training: Training
    size: int
    judged: int
    score: Callable[[Watch], Score]
    passes: int = 1

    @property
    def step(self) -> int:
        """Images of a step."""
        return min(self.training.batch, self.size)

    @property
    def work(self) -> int:
        """Images that a network learns from, and a third of those that it classifies."""
        return self.passes * self.training.steps * self.step + self.judged // 3


def score_all(title: str, rows: Sequence[RowWork], meter: Meter, keep: Keep) -> list[Score]:
    """The scores of all rows, in their order."""
    meter.start(f"{title}, in images", sum(row.work for row in rows))
    scores: list[Score] = []
    before = 0
    for place, row in enumerate(rows):

        def watch(steps: int, before: int = before, step: int = row.step) -> None:
            meter.advance(before + steps * step)

        scores.append(keep(f"{place}, {row.name}", partial(row.score, watch)))
        before += row.work
        meter.advance(before, {row.name: scores[-1].mean})
    meter.finish()
    return scores
