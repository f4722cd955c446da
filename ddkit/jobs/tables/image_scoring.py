"""The tables of a set of images, not yet scored: the honest table, and the table under a paper's protocol.

`condense` and `evaluate` both score their honest tables here. Scores are stored until the table is finished, and rows
are scored on all cores.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property

from ddkit.evaluation import (
    EvaluateSettings,
    Evaluation,
    PaperProtocol,
    Table,
    begin_rivals,
    evaluate_as_paper,
    evaluate_honestly,
    row_needs,
)
from ddkit.executors import Ahead
from ddkit.experts import Ensemble
from ddkit.jobs.tables.kept_rows import KeptRows
from ddkit.run import Meter
from ddkit.synth import SyntheticSet
from ddkit.task import Task


@dataclass(frozen=True, eq=False, kw_only=True)
class ImageScoring(ABC):
    """The table of one set.

    Attributes:
        task: the data, the network and the augmentation.
        settings: of protocol `honest`. Papers' protocols use `nets` only.
        seed: of all draws.
        teachers: of the set.
        baselines: whether the table has rivals.
    """

    task: Task
    settings: EvaluateSettings
    seed: int
    teachers: Ensemble | None
    baselines: bool = True

    @property
    @abstractmethod
    def rows(self) -> KeptRows:
        """The stored scores. Another evaluation of the same table reads them."""

    @abstractmethod
    def evaluate(self, meter: Meter) -> Evaluation:
        """Score the rows that have no stored score."""

    @property
    def teacher_names(self) -> tuple[str, ...]:
        """The names of the teachers; () if there are none."""
        return () if self.teachers is None else self.teachers.names

    def check(self) -> None:
        """Raise DataError if a stored score is damaged."""
        self.rows.check()

    def held(self) -> AbstractContextManager[None]:
        """A block in which no other run removes the stored scores."""
        return self.rows.in_use()

    def clear(self) -> None:
        """Remove the stored scores."""
        self.rows.clear()


@dataclass(frozen=True, eq=False, kw_only=True)
class HonestScoring(ImageScoring):
    """The table of `synthetic` under protocol `honest`. `task` has the recipe's augmentation.

    Attributes:
        synthetic: the set.
        ranked: whether the table has DD-Ranking's scores.
    """

    synthetic: SyntheticSet
    ranked: bool = False

    @cached_property
    def table(self) -> Table:
        """The table, whose task has the augmentation of the evaluation."""
        return Table.of_set(self.synthetic, self.task, self.settings, self.teachers)

    @cached_property
    def rows(self) -> KeptRows:
        settings = self.settings.of_a_row
        return KeptRows.of([self.synthetic], self.table.task, "honest", settings, self.seed, self.teacher_names)

    def begin(self, meter: Meter) -> Ahead | None:
        """Begin to score the rows of real images; None if there are teachers or no core is idle."""
        if self.teachers is not None or self.ranked or not self.baselines:
            return None
        table = replace(self.table, sets=())
        return begin_rivals(table, self.seed, meter.say, row_needs(table.task, self.settings, table.made_bytes))

    def continues(self, other: "HonestScoring") -> bool:
        """Whether the rows of real images are those of another table."""
        return self.seed == other.seed and self.table.terms == other.table.terms

    def evaluate(self, meter: Meter) -> Evaluation:
        self.rows.say(meter)
        return evaluate_honestly(
            self.table,
            self.seed,
            meter,
            baselines=self.baselines,
            ranked=self.ranked,
            keep=self.rows,
            needs=row_needs(self.table.task, self.settings, self.table.made_bytes),
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class PaperScoring(ImageScoring):
    """The table under a paper's protocol. `task` has the augmentation of an honest evaluation.

    Attributes:
        snapshots: of the run, and its set, by name.
        protocol: of the paper.
        flips: whether the authors' own augmentation keeps its flips.
    """

    snapshots: Mapping[str, SyntheticSet]
    protocol: PaperProtocol
    flips: bool

    @cached_property
    def rows(self) -> KeptRows:
        sets, settings = self.snapshots.values(), self.settings.of_a_row
        return KeptRows.of(sets, self.task, self.protocol, settings, self.seed, self.teacher_names, self.flips)

    def evaluate(self, meter: Meter) -> Evaluation:
        self.rows.say(meter)
        return evaluate_as_paper(
            self.snapshots,
            self.task,
            self.protocol,
            self.seed,
            meter,
            nets=self.settings.nets,
            baselines=self.baselines,
            teachers=self.teachers,
            flips=self.flips,
            keep=self.rows,
            needs=row_needs(self.task, self.settings),
        )
