"""The labels of a table's rows, by one policy for all rows."""

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
        policy: one of `LABEL_POLICIES`. "auto" keeps the labels of a row; "hard" are classes; "static" are teachers'
            logits of the images without augmentation; "dynamic" are teachers' logits of every batch.
        teachers: compute static and dynamic labels. A set's own static labels are kept.
        temperature: at which logits are learned.
        top_k: number of largest logits of a static label that are kept, as in the table's set; None: all.

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
                f"labels: {self.policy} ones need teachers, and there are none; add an [experts] section with "
                'name = "teacher" to the recipe, or use labels without teachers (evaluate.labels = "auto", another '
                "protocol)"
            )

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


def temperature_of(setting: float | None, own: float | None) -> float:
    """The temperature at which logits are learned: the setting, else the set's own, else 30 (INFER's)."""
    return setting or own or 30.0
