"""The recipe's section [evaluate]: the settings of protocol `honest`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from ddkit.experts.batch_norm import TEACHER_BN
from ddkit.recipe import Settings, setting

FLIP_POLICIES = ("auto", "augment", "always")
"""Policies of flips in the networks' training."""

LABEL_POLICIES = ("auto", "hard", "static", "dynamic")
"""Policies of labels in the networks' training."""

BY_TEACHERS = ("static", "dynamic")
"""Policies under which teachers label real images."""


@dataclass(frozen=True, kw_only=True)
class EvaluateSettings(Settings):
    """Settings of protocol `honest`, which are the same for all rows of a table."""

    nets: int = setting(5, at_least=2, help="networks trained on each set")
    steps: int = setting(1000, at_least=1, help="optimiser steps, at least")
    epochs: int = setting(10, at_least=1, epochs=True, help="epochs, at least; the larger of steps and epochs decides")
    batch: int = setting(128, at_least=1, help="batch size, at most the whole set")
    whole: bool = setting(True, help="also train on the whole real training set")
    flips: str = setting(
        "auto",
        one_of=FLIP_POLICIES,
        help="augment: flips only if data.augment has them; always: half of all images are mirrored; auto: always if a "
        "set expects it (FYI)",
    )
    labels: str = setting(
        "auto",
        one_of=LABEL_POLICIES,
        help="hard: classes; static: teachers' logits of the images; dynamic: teachers' logits of every batch; auto: a "
        "set's own labels, classes for real images",
    )
    temperature: float | None = setting(
        None, above=0, help="temperature of labels that are logits; none: the set's own, 30 if it has none"
    )
    teacher_bn: str = setting(
        "running", one_of=TEACHER_BN, help="statistics of teachers' batch norms: saved ones, or the batch's"
    )
    optimiser: str = setting("sgd", one_of=("sgd", "adamw"), help="sgd: momentum, lr drops once; adamw: cosine")
    mixup: float = setting(0.0, at_least=0, help="parameter of mixup's Beta distribution; 0: images are not mixed")
    mix: str = setting("logits", one_of=("logits", "probabilities"), help="what mixup mixes of teachers' labels")

    @property
    def of_a_row(self) -> EvaluateSettings:
        """The settings with `whole` set to its default. A row's score does not depend on `whole`."""
        return dataclasses.replace(self, whole=True)
