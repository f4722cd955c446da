"""A table of scores before it is scored: what all of its rows share, and the rows as small objects that can be sent.

A row is made where it is scored, from what all rows share, so that no images travel. The evaluation of one set and a
comparison of many build their rows here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

from ddkit.evaluation.labels import Labels, temperature_of
from ddkit.evaluation.rows import RIVALS, WHOLE, Row, rival_row, set_row, whole_row
from ddkit.evaluation.settings import EvaluateSettings
from ddkit.synth import SyntheticSet, read_set
from ddkit.task import Task

SAME_LABELS = "random-real, same labels"
"""The row of random real images that the teachers of a set have labelled too."""


@dataclass(frozen=True, eq=False)
class Table:
    """What all rows of one table share.

    Attributes:
        task: the real data, the network, and the augmentation of every row's training.
        settings: how networks are trained.
        ipc: images a class of all sets, and so of the rivals.
        labels: the policy of labels.
        on: the part that networks are judged on, "test" or "validation".
        sets: sets in memory; others are files.
    """

    task: Task
    settings: EvaluateSettings
    ipc: int
    labels: Labels
    on: str = "test"
    sets: tuple[SyntheticSet, ...] = ()

    def rows(self, sets: Sequence["SetRow"], rivals: bool, same_labels: bool, whole: bool) -> list["TableRow"]:
        """The rows that networks are trained on, in their order.

        Args:
            sets: the synthetic ones.
            rivals: with random-real, herding and k-means of the same ipc.
            same_labels: with random-real a second time, labelled by the set's teachers: their labels alone may be what
                a set is worth.
            whole: with the whole real training part.
        """
        return [
            *sets,
            *(RivalRow(name, name) for name in RIVALS if rivals),
            *[RivalRow(SAME_LABELS, "random-real", "static")] * same_labels,
            *[WholeRow()] * whole,
        ]


@runtime_checkable
class TableRow(Protocol):
    """One row of a table. It can be pickled."""

    @property
    def name(self) -> str: ...

    def make(self, table: Table, seed: int) -> Row:
        """The images and labels that the row's networks are trained on."""
        ...

    def images(self, table: Table) -> int:
        """How many images each network is trained on."""
        ...


@dataclass(frozen=True)
class SetRow:
    """A synthetic set: one of the table's sets, by its place, or a file."""

    name: str
    source: int | Path

    def _set(self, table: Table) -> SyntheticSet:
        return table.sets[self.source] if isinstance(self.source, int) else read_set(self.source)

    def make(self, table: Table, seed: int) -> Row:
        """The set under the table's policy of labels; its own logits are learned at its own temperature."""
        synthetic, settings = self._set(table), table.settings
        own = temperature_of(settings.temperature, synthetic.facts.temperature or table.labels.temperature)
        row = set_row(synthetic, table.task.real, settings.nets)
        return replace(table.labels, temperature=own).apply(row, synthetic.labels)

    def images(self, table: Table) -> int:
        return len(self._set(table))


@dataclass(frozen=True)
class RivalRow:
    """Real images, as many as the sets': one of `RIVALS`; under another policy of labels than the table's, if given."""

    name: str
    drawn: str
    policy: str | None = None

    def make(self, table: Table, seed: int) -> Row:
        labels = table.labels if self.policy is None else table.labels.under(self.policy)
        return labels.apply(rival_row(self.drawn, table.task.real, table.ipc, table.settings.nets, seed))

    def images(self, table: Table) -> int:
        return table.task.real.data.class_count * table.ipc


@dataclass(frozen=True)
class WholeRow:
    """The whole real training part, with its classes."""

    name: str = WHOLE

    def make(self, table: Table, seed: int) -> Row:
        return whole_row(table.task.real, table.settings.nets)

    def images(self, table: Table) -> int:
        return len(table.task.real.train)
