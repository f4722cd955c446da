"""A table before it is scored: a `Table` that all rows share, and rows as small objects that can be pickled.

The images of a row are made in the process that scores it, so that they need not be sent there. The evaluation of one
set and a comparison of many build their rows here.
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
"""Name of the row of random real images with labels by the set's teachers."""


@dataclass(frozen=True, eq=False)
class Table:
    """What all rows of one table share.

    Attributes:
        task: the real data, the network, and the augmentation of every row's training.
        settings: how networks are trained.
        ipc: images a class of all sets and rivals.
        labels: the policy of labels.
        on: the part that networks are judged on, "test" or "validation".
        sets: sets in memory; other sets are files.
    """

    task: Task
    settings: EvaluateSettings
    ipc: int
    labels: Labels
    on: str = "test"
    sets: tuple[SyntheticSet, ...] = ()

    def rows(self, sets: Sequence["SetRow"], rivals: bool, same_labels: bool, whole: bool) -> list["TableRow"]:
        """The rows with networks, in the order of the table.

        Args:
            sets: rows of synthetic sets.
            rivals: whether to add random-real, herding and k-means of the same ipc.
            same_labels: whether to add random-real with labels by the set's teachers. It separates the effect of the
                labels from that of the images.
            whole: whether to add the whole real training part.
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
        """The number of images that each network is trained on."""
        ...


@dataclass(frozen=True)
class SetRow:
    """A synthetic set, given by its index in the table's sets or by its file."""

    name: str
    source: int | Path

    def _set(self, table: Table) -> SyntheticSet:
        return table.sets[self.source] if isinstance(self.source, int) else read_set(self.source)

    def make(self, table: Table, seed: int) -> Row:
        """The set with labels by the table's policy. The set's own logits are learned at its own temperature."""
        synthetic, settings = self._set(table), table.settings
        own = temperature_of(settings.temperature, synthetic.facts.temperature or table.labels.temperature)
        row = set_row(synthetic, table.task.real, settings.nets)
        return replace(table.labels, temperature=own).apply(row, synthetic.labels)

    def images(self, table: Table) -> int:
        return len(self._set(table))


@dataclass(frozen=True)
class RivalRow:
    """Real images, as many as the sets': `drawn` is one of `RIVALS`. `policy` replaces the table's policy of labels."""

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
