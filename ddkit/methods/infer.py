"""INFER: universal feature compensators (Zhang et al., "Breaking Class Barriers", ICLR 2025).

A compensator is one image that is added to a real image of every class. For each teacher and each j < n one compensator
is recovered on the j-th real images of all classes. The set has the real images, each real image plus each of its
compensators (clipped), and the teachers' mean logits of all these images.

The set stores the real images, the compensators and the labels (`ddkit.synth.compensated`). With FYI it has a label for
each image and for each mirror image. The released code stores every compensated image as JPEG. `budget.py` computes the
numbers of real images and compensators that fit an ipc.
"""

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from ddkit.data import select
from ddkit.errors import NumericalError
from ddkit.methods.budget import budget
from ddkit.methods.contract import Context
from ddkit.methods.labelled import labelled
from ddkit.methods.recovery import Recovery, RecoveryState
from ddkit.methods.recovery_settings import RecoverySettings
from ddkit.randomness import stream
from ddkit.synth import Compensated, SyntheticSet


@dataclass(frozen=True, kw_only=True)
class InferSettings(RecoverySettings):
    """Settings of INFER. The defaults are those for CIFAR."""

    name: ClassVar[str] = "infer"

    @property
    def expects_flips(self) -> bool:
        """False: with FYI the set already has both orientations of an image, each with its label."""
        return False


@final
class INFER(Recovery):
    """Recovers the compensators of one teacher after another."""

    settings_class = InferSettings

    def __init__(self, settings: InferSettings, context: Context) -> None:
        super().__init__(settings, context)
        self._budget = budget(settings.images_of_every_class, self._classes, len(self._teachers))
        train = context.real.train
        pixels, generator = train.images.flatten(1), stream(context.seed, "real images")
        chosen = select("random", pixels, train.labels, self._budget.n, generator)
        self._pixels = context.real.data.train_images[context.real.train_index[chosen.cpu()]].unflatten(
            0, (self._classes, self._budget.n)
        )
        self._real: Tensor = train.images[chosen].unflatten(0, (self._classes, self._budget.n)).transpose(0, 1)

    @property
    def shape(self) -> tuple[int, int]:
        return self._budget.teachers, self._budget.n

    def fixed(self) -> Tensor:
        return self._real

    def begin(self, generator: torch.Generator) -> Tensor:
        return self._real.new_zeros(*self.shape, 1, *self._context.real.data.shape)

    def finish(self, state: RecoveryState) -> SyntheticSet:
        compensators = self.recovered(state).squeeze(2).to(torch.float16).cpu()
        if not bool(compensators.isfinite().all()):
            raise NumericalError(f"method 'infer': a compensator is too large for float16; {self.blame}")
        compact = Compensated(self._pixels, compensators, mirrored=self._settings.uses_fyi)
        made = SyntheticSet.from_compact(compact, self._context.facts(self._settings))
        return labelled(made, self._settings, self._context)
