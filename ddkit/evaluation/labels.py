"""The labels of a table's rows: one policy for all rows.

This module decides which labels a row has, when teachers are needed, and whether a table has a second row of
random-real with labels like those of its sets.
"""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor

from ddkit.errors import UsageError
from ddkit.evaluation.label_targets import CLASSES, LabelTargets
from ddkit.evaluation.rows import WHOLE, Row
from ddkit.evaluation.settings import BY_TEACHERS
from ddkit.experts import Ensemble
from ddkit.synth import LabelTerms, only_top, packed_bytes


@dataclass(frozen=True)
class Labels:
    """The labels of a table's rows.

    Attributes:
        policy: one of `LABEL_POLICIES`. "auto" keeps the labels of a row; "hard" are classes; "static" are teachers'
            logits of the images without augmentation; "dynamic" are teachers' logits of every batch.
        teachers: compute static and dynamic labels. A set's own static labels are kept.
        temperature: at which logits are learned.
        top_k: number of largest logits that a static label keeps, as in the table's sets; None: all.
        same_for_real: whether the table has a second row of random-real, with labels by the sets' teachers.

    Raises:
        UsageError: the policy needs teachers, and there are none.
    """

    policy: str
    teachers: Ensemble | None = None
    temperature: float = 30.0
    top_k: int | None = None
    same_for_real: bool = False

    def __post_init__(self) -> None:
        refuse_missing_teachers(self.policy, self.teachers is not None)

    @staticmethod
    def of_sets(
        policy: str, temperature: float | None, sets: Iterable[LabelTerms | None], teachers: Ensemble | None
    ) -> "Labels":
        """The labels of a table.

        Args:
            policy: one of `LABEL_POLICIES`.
            temperature: replaces the sets' own temperatures; None: they are used.
            sets: for each set, the form of its labels if they are teachers' logits, else None.
            teachers: of the sets.
        """
        sets = tuple(sets)
        first = label_terms(temperature, sets)[0]
        same = teachers is not None and same_for_real(policy, temperature, sets)
        return Labels(policy, teachers, first.temperature, first.top_k, same)

    @property
    def teacher_names(self) -> str:
        """The names of the teachers, as a set's fact `teachers` states them; "" if there are none."""
        return "" if self.teachers is None else "; ".join(self.teachers.names)

    def under(self, policy: str) -> "Labels":
        """The same teachers under another policy."""
        return dataclasses.replace(self, policy=policy)

    def apply(self, row: Row, classes: Tensor | None = None) -> Row:
        """The row with labels by the policy. The row of the whole real data keeps its classes.

        Args:
            row: with its own labels.
            classes: of a set with soft labels, for the policy "hard".
        """
        own = row.targets.temperature
        if self.policy == "auto" or row.name == WHOLE:
            return dataclasses.replace(row, targets=LabelTargets(None if own is None else self.temperature))
        bare = dataclasses.replace(row, size=row.size - row.label_size, label_size=0)  # without its soft labels
        if self.policy == "hard":
            if classes is None:
                return bare
            return dataclasses.replace(bare, labels=classes.to(row.labels.device), targets=CLASSES)
        assert self.teachers is not None
        if self.policy == "dynamic":
            return dataclasses.replace(bare, targets=LabelTargets(self.temperature, self.teachers))
        if own is not None:
            return dataclasses.replace(row, targets=LabelTargets(self.temperature))
        used = row.members.unique().to(row.images.device)
        logits = self.teachers.labels(row.images[used])
        labels = logits.new_zeros(len(row.images), logits.shape[1])
        labels[used] = logits if self.top_k is None else only_top(logits, self.top_k, self.temperature)
        count = row.members.shape[1]
        size = 2 * count * logits.shape[1] if self.top_k is None else packed_bytes(count, self.top_k)
        return dataclasses.replace(
            bare, labels=labels, size=bare.size + size, label_size=size, targets=LabelTargets(self.temperature)
        )


def refuse_missing_teachers(policy: str, there: bool) -> None:
    """Raise UsageError if the policy of labels needs teachers and there are none."""
    if policy in BY_TEACHERS and not there:
        raise UsageError(
            f"labels: {policy} labels need teachers, and there are none; add an [experts] section with "
            'name = "teacher" to the recipe, or use labels without teachers (evaluate.labels = "auto", or another '
            "protocol)"
        )


def label_terms(temperature: float | None, sets: Iterable[LabelTerms | None]) -> list[LabelTerms]:
    """The different forms of labels in a table; see `Labels.of_sets`. Without teachers' labels: the default form."""
    return _given_terms(temperature, sets) or [LabelTerms(temperature_of(temperature, None), None)]


def same_for_real(policy: str, temperature: float | None, sets: Iterable[LabelTerms | None]) -> bool:
    """Whether a table gets a second row of random-real, with labels by the sets' teachers; see `Labels.of_sets`.

    It does if sets keep their own labels, some of these are teachers' logits, and all teachers' logits have one form.
    The row separates the effect of the labels from that of the images.
    """
    return policy == "auto" and len(_given_terms(temperature, sets)) == 1


def _given_terms(temperature: float | None, sets: Iterable[LabelTerms | None]) -> list[LabelTerms]:
    """The different forms of the sets' labels that are teachers' logits."""
    found = (LabelTerms(temperature_of(temperature, own.temperature), own.top_k) for own in sets if own is not None)
    return list(dict.fromkeys(found))


def temperature_of(setting: float | None, own: float | None) -> float:
    """The temperature at which logits are learned: the setting, else the set's own, else 30 (INFER's)."""
    return setting or own or 30.0
