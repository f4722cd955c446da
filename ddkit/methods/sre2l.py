"""SRe2L (Yin, Xing and Shen, NeurIPS 2023): images recovered from noise by one teacher, with teachers' labels.

The images are recovered from the recipe's first teacher. Their labels are those of all teachers; the paper has one.
"""

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from ddkit.methods.formation import Formation
from ddkit.methods.labelled import labelled
from ddkit.methods.recovery import Recovery, RecoveryState
from ddkit.methods.recovery_settings import RecoverySettings
from ddkit.recipe import preset
from ddkit.synth import SyntheticSet, clip


@dataclass(frozen=True, kw_only=True)
class SRe2LSettings(Formation, RecoverySettings):
    """Settings of SRe2L. The defaults are those for CIFAR."""

    name: ClassVar[str] = "sre2l"
    r_bn: float = preset(RecoverySettings, "r_bn", 0.01)


@final
class SRe2L(Recovery):
    """Recovers ipc sets of one image of each class, independently of each other."""

    settings_class = SRe2LSettings

    @property
    def shape(self) -> tuple[int, int]:
        return 1, self._settings.images_of_every_class

    def fixed(self) -> Tensor:
        return self._context.real.train.images.new_zeros(())

    def begin(self, generator: torch.Generator) -> Tensor:
        size = (*self.shape, self._classes, *self._context.real.data.shape)
        return torch.randn(size, generator=generator).to(self._context.real.train.images)

    def kept(self, learned: Tensor) -> Tensor:
        preprocess = self._context.real.preprocess
        assert preprocess.mean is not None and preprocess.std is not None  # `obtain_teachers` refuses other data
        return clip(learned, preprocess.mean, preprocess.std)

    def finish(self, state: RecoveryState) -> SyntheticSet:
        images = self.recovered(state)[0].transpose(0, 1).flatten(0, 1)
        return labelled(self._context.as_set(self._settings, images), self._settings, self._context)
