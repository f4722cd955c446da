"""Tables that are not yet scored. `Table` holds what all rows share; a row is a small object that can be pickled.

The process that scores a row makes the row's images, so that no images are sent between processes. `condense`,
`evaluate` and `compare` build their honest tables with `Table.of`. The papers' protocols use the same kinds of rows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

from ddkit.data import DSA, Counts, refuse_small_classes
from ddkit.evaluation.flips import evaluation_dsa
from ddkit.evaluation.labels import Labels, temperature_of
from ddkit.evaluation.rows import RIVALS, WHOLE, Row, rival_row, set_row, whole_row
from ddkit.evaluation.settings import EvaluateSettings
from ddkit.experts import Ensemble
from ddkit.synth import LabelTerms, SyntheticSet, packed_rival, read_set
from ddkit.task import Task

SAME_LABELS = "random-real, same labels"
"""Name of the row of random real images with labels by the set's teachers."""


@dataclass(frozen=True, eq=False)
class Table:
    """What all rows of one table share.

    Attributes:
        task: the real data, the network, and the augmentation of every row's training.
        settings: how networks are trained.
        counts: stored images of each class, of all sets and rivals.
        labels: of all rows.
        formations: above 1, of the packed sets. The table has rivals packed alike.
        on: the part that networks are judged on, "test" or "validation".
        sets: sets in memory; other sets are files.
    """

    task: Task
    settings: EvaluateSettings
    counts: Counts
    labels: Labels
    on: str = "test"
    sets: tuple[SyntheticSet, ...] = ()
    formations: tuple[int, ...] = ()

    @staticmethod
    def of(
        task: Task,
        settings: EvaluateSettings,
        counts: Counts,
        *,
        labels: Iterable[LabelTerms | None],
        teachers: Ensemble | None,
        flips: bool,
        both_orientations: bool,
        on: str = "test",
        sets: tuple[SyntheticSet, ...] = (),
        formations: Iterable[int | None] = (),
    ) -> "Table":
        """The honest table of one or more sets of the same size.

        Args:
            task: the real data, the network and the recipe's augmentation.
            settings: how networks are trained.
            counts: stored images of each class.
            labels: for each set, the form of its labels if they are teachers' logits, else None.
            teachers: of the sets.
            flips: whether a set expects that half of the images are mirrored.
            both_orientations: whether the teachers' labels are the mean over both orientations of an image.
            on: the part that networks are judged on.
            sets: those in memory.
            formations: of all sets.

        Raises:
            UsageError: the policy of labels needs teachers, and there are none.
        """
        if teachers is not None:
            teachers = teachers.under(settings.teacher_bn).of_both_orientations(both_orientations)
        return Table(
            task=task.with_augmentation(evaluation_dsa(settings.flips, task.dsa, flips)),
            settings=settings,
            counts=counts,
            labels=Labels.of_sets(settings.labels, settings.temperature, labels, teachers),
            on=on,
            sets=sets,
            formations=tuple(sorted({own for own in formations if own is not None and own > 1})),
        )

    @staticmethod
    def of_set(
        synthetic: SyntheticSet, task: Task, settings: EvaluateSettings, teachers: Ensemble | None = None
    ) -> "Table":
        """The honest table of one set; see `of`."""
        facts = synthetic.facts
        return Table.of(
            task,
            settings,
            Counts(facts.each),
            labels=(facts.label_terms,),
            teachers=teachers,
            flips=facts.expects_flips,
            both_orientations=facts.mirrored_by_fyi,
            sets=(synthetic,),
            formations=(facts.formation,),
        )

    @property
    def terms(self) -> tuple[object, ...]:
        """All that the rows of real images depend on, beside the seed, if there are no teachers."""
        task, rows = self.task, (self.settings, self.counts, self.formations, self.labels, self.on)
        return task.real.digest, task.net.spec, task.dsa.strategy, *rows

    @property
    def made_bytes(self) -> int:
        """Bytes of the images of a row that are not those of the real data or of a set."""
        small = max(self.formations, default=0) ** 2
        return self.settings.nets * self.counts.total * small * self.task.real.train.images[0].nbytes

    def refuse_small_classes(self) -> None:
        """Raise UsageError if a class has too few real images for a rival."""
        for formation in (1, *self.formations):
            refuse_small_classes(self.task.real.train.labels, self.counts, formation**2)

    @property
    def plain(self) -> "Table":
        """The same table without augmentation."""
        return replace(self, task=self.task.with_augmentation(DSA("")))

    def rows(self, sets: Sequence["SetRow"], rivals: bool, whole: bool) -> list["TableRow"]:
        """The rows with networks, in the order of the table.

        Args:
            sets: rows of synthetic sets.
            rivals: whether to add random-real, herding and k-means of as many images of each class, and random-real
                with labels by the sets' teachers if `labels.same_for_real` is set. For packed sets the table has these
                a second time, packed alike.
            whole: whether to add the whole real training part.
        """
        found: list[TableRow] = [*sets]
        formations = (1, *self.formations) if rivals else ()
        found += [RivalRow(packed_rival(name, own), name, formation=own) for own in formations for name in RIVALS]
        if self.labels.same_for_real:
            names = {own: packed_rival(SAME_LABELS, own) for own in formations}
            found += [RivalRow(name, "random-real", "static", formation=own) for own, name in names.items()]
        return [*found, WholeRow()] if whole else found


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
    """A synthetic set.

    Attributes:
        name: of the row.
        source: the set's index in the table's sets, its file, or the set in memory.
        policy: replaces the table's policy of labels.
    """

    name: str
    source: int | Path | SyntheticSet
    policy: str | None = None

    def in_memory(self) -> "SetRow":
        """The same row. A set that was given by its file is in memory."""
        return replace(self, source=read_set(self.source)) if isinstance(self.source, Path) else self

    def _set(self, table: Table) -> SyntheticSet:
        if isinstance(self.source, SyntheticSet):
            return self.source
        return table.sets[self.source] if isinstance(self.source, int) else read_set(self.source)

    def make(self, table: Table, seed: int) -> Row:
        """The set with labels by the table's policy. The set's own logits are learned at its own temperature."""
        synthetic, settings = self._set(table), table.settings
        labels = table.labels if self.policy is None else table.labels.under(self.policy)
        own = temperature_of(settings.temperature, synthetic.facts.temperature or labels.temperature)
        row = set_row(synthetic, table.task.real, settings.nets)
        return replace(labels, temperature=own).apply(row, synthetic.labels)

    def images(self, table: Table) -> int:
        return len(self._set(table))


@dataclass(frozen=True)
class RivalRow:
    """Real images, as many as the sets have, or packed as a set's images are.

    Attributes:
        name: of the row.
        drawn: one of `RIVALS`.
        policy: replaces the table's policy of labels.
        path: of the random streams; see `rival_row`.
        formation: of the packed images; 1: they are whole.
    """

    name: str
    drawn: str
    policy: str | None = None
    path: tuple[str, ...] | None = None
    formation: int = 1

    @property
    def drawn_as(self) -> str:
        """The images of the row: its name without its labels."""
        return packed_rival(self.drawn, self.formation)

    def make(self, table: Table, seed: int) -> Row:
        labels = table.labels if self.policy is None else table.labels.under(self.policy)
        nets, real = table.settings.nets, table.task.real
        row = rival_row(self.drawn, real, table.counts, nets, seed, self.path, self.formation)
        return labels.apply(row)

    def images(self, table: Table) -> int:
        return table.counts.total * self.formation**2


@dataclass(frozen=True)
class WholeRow:
    """The whole real training part, with its classes."""

    name: str = WHOLE

    def make(self, table: Table, seed: int) -> Row:
        return whole_row(table.task.real, table.settings.nets)

    def images(self, table: Table) -> int:
        return len(table.task.real.train)
