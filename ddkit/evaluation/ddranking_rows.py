"""The rows of an honest table that give DD-Ranking's scores of a set.

The table has most of them: the whole data with classes, the set under its own training, and random real images under
the same training. Three more are trained: the set with classes if it has other labels, and the set and the random
images without augmentation.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ddkit.evaluation.ddranking import GAMMA, HARD, OWN, PLAIN, PLAIN_RANDOM, RANDOM, TITLES, WHOLE, DDRanking, W
from ddkit.evaluation.score import Score
from ddkit.evaluation.table import SAME_LABELS, RivalRow, SetRow, Table
from ddkit.synth import SyntheticSet


@dataclass(frozen=True)
class RankedRow:
    """A row that only DD-Ranking's scores need; `augmented` is whether its networks are trained with augmentation."""

    row: SetRow | RivalRow
    augmented: bool = True


@dataclass(frozen=True)
class RankedSet:
    """A set whose scores are computed from the rows of a table.

    Attributes:
        name: of the set's row.
        policy: of the table's labels.
        own_labels: whether the set has labels that are not classes.
        taught: whether these are teachers' logits.
        augmented: whether the table's networks are trained with augmentation.
        same_for_real: whether the table has a row of random-real with labels by the set's teachers.
        packed: whether the set's images are packed.
    """

    name: str
    policy: str
    own_labels: bool
    taught: bool
    augmented: bool
    same_for_real: bool
    packed: bool = False

    @staticmethod
    def of(name: str, synthetic: SyntheticSet, table: Table) -> "RankedSet":
        """The set of a table's row `name`."""
        return RankedSet(
            name=name,
            policy=table.labels.policy,
            own_labels=synthetic.soft_labels is not None,
            taught=synthetic.facts.label_terms is not None,
            augmented=bool(table.task.dsa.strategy),
            same_for_real=table.labels.same_for_real,
            packed=synthetic.facts.formation is not None,
        )

    @property
    def random(self) -> str:
        """The name of the row of random real images that have the same training and the same kind of labels."""
        return SAME_LABELS if self.policy == "auto" and self.taught else "random-real"

    @property
    def trained_on_classes(self) -> bool:
        """Whether the set's own row is trained on class labels."""
        return self.policy == "hard" or (self.policy == "auto" and not self.own_labels)

    def rows(self, source: int | Path, rivals: bool = True) -> dict[str, RankedRow]:
        """The rows that the table lacks, by their part in the scores. A row that would give no score is left out.

        Args:
            source: of the set; see `SetRow`.
            rivals: whether the table has random-real.
        """
        rows: dict[str, RankedRow] = {}
        if not self.trained_on_classes:
            rows[HARD] = RankedRow(SetRow(f"{self.name}, hard labels", source, "hard"))
        if self.augmented and rivals and (self.random != SAME_LABELS or self.same_for_real):
            drawn = RivalRow(f"{self.random}, plain", "random-real", "static" if self.random == SAME_LABELS else None)
            rows[PLAIN] = RankedRow(SetRow(f"{self.name}, plain", source), augmented=False)
            rows[PLAIN_RANDOM] = RankedRow(drawn, augmented=False)
        return rows

    def ranking(self, own: Score, rivals: Mapping[str, Score], more: Mapping[str, Score]) -> DDRanking:
        """The scores.

        Args:
            own: the score of the set's row.
            rivals: the scores of the table's other rows, by name.
            more: those of `rows`.
        """
        found = {OWN: own, HARD: own} if self.trained_on_classes else {OWN: own}
        found |= {part: rivals[name] for part, name in ((WHOLE, WHOLE), (RANDOM, self.random)) if name in rivals}
        missing: dict[str, str] = {}
        if WHOLE not in found:
            missing |= dict.fromkeys(("hlr", "lrs"), "the table has no row 'whole'")
        if not self.augmented:
            missing["ars"] = "the networks are trained without augmentation (data.augment)"
        if RANDOM not in found:
            missing |= dict.fromkeys(("ior", "lrs", "ars"), f"the table has no row '{self.random}'")
        return DDRanking({part: score.accuracies for part, score in (found | dict(more)).items()}, missing)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know about the labels and the images of the rows."""
        notes = []
        if self.policy == "auto" and self.own_labels and not self.taught:
            notes.append("IOR, ARS: random-real has classes, since the set's soft labels are not by a teacher")
        if self.packed:
            notes.append(f"IOR, ARS: {self.random} has whole images, as many as {self.name} stores; it is not packed")
        return tuple(notes)


def ranking_notes(ranked: Iterable[tuple[RankedSet, DDRanking]], over: str) -> list[str]:
    """Notes on the scores of a table's sets. `over` says what the intervals are over."""
    notes = [
        f"HLR, IOR, LRS, ARS: DD-Ranking's scores, w {W:g}, gamma {GAMMA:g}; lower HLR is better, and higher IOR, LRS "
        "and ARS; plain: without augmentation",
        "the lr is chosen on validation data, and accuracy is taken after the last step; DD-Ranking's own tool chooses "
        "both on the test set (the best lr, and the best of a look every 20 epochs), so its figures differ",
        f"95 % intervals of the scores: Welch's, over {over}; for LRS and ARS the ends of the weighted difference's "
        "interval are mapped as the score is",
    ]
    for plan, ranking in ranked:
        notes += plan.notes
        for reason in dict.fromkeys(ranking.missing.values()):
            names = [TITLES[name].removesuffix(" %") for name, why in ranking.missing.items() if why == reason]
            notes.append(f"no {', '.join(names)} of {plan.name}: {reason}")
    return list(dict.fromkeys(notes))
