"""The labels of a table's rows: one policy for all of them."""

import dataclasses
from dataclasses import dataclass

from torch import Tensor

from ddkit.errors import UsageError
from ddkit.evaluation.label_targets import CLASSES, LabelTargets
from ddkit.evaluation.rows import WHOLE, Row
from ddkit.experts import Ensemble
from ddkit.synth import only_top, packed_bytes


@dataclass(frozen=True)
class Labels:
    """How the images of a table's rows are labelled.

    Attributes:
        policy: one of `LABEL_POLICIES`. "auto" leaves the labels that a row has; "hard" are classes; "static" are
            teachers' logits of the images as they are; "dynamic" are teachers' logits of every batch.
        teachers: give static and dynamic labels. A set's own static labels stay.
        temperature: at which logits are learned.
        top_k: logits of a static label that are kept, as in the set that the row stands beside; None: all.

    Raises:
        UsageError: the policy needs teachers, and there are none.
    """

    policy: str
    teachers: Ensemble | None = None
    temperature: float = 30.0
    top_k: int | None = None

    def __post_init__(self) -> None:
        if self.policy in ("static", "dynamic") and self.teachers is None:
            raise UsageError(
                f"labels: {self.policy} ones come from teachers, and there are none; give the recipe an [experts] "
                'section with name = "teacher", or ask for labels that need none (evaluate.labels = "auto", another '
                "protocol)"
            )

    def under(self, policy: str) -> "Labels":
        """The same teachers under another policy."""
        return dataclasses.replace(self, policy=policy)

    def apply(self, row: Row, classes: Tensor | None = None) -> Row:
        """The row with the labels that the policy asks for; the whole real data keeps its classes.

        Args:
            row: as it was made.
            classes: of a set with soft labels, which it has instead under "hard".
        """
        own = row.targets.temperature
        if self.policy == "auto" or row.name == WHOLE:
            return dataclasses.replace(row, targets=LabelTargets(None if own is None else self.temperature))
        bare = dataclasses.replace(row, size=row.size - row.label_size, label_size=0)  # its soft labels are not used
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


def temperature_of(asked: float | None, own: float | None) -> float:
    """At which a table's teachers' logits are learned: as asked for, else as its set says, else 30 (INFER's)."""
    return asked or own or 30.0
