"""A third party's method for images: each image is the mean of a random part of its class."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from ddkit.methods import Context, MethodSettings
from ddkit.randomness import stream
from ddkit.recipe import setting
from ddkit.synth import SyntheticSet


@dataclass(frozen=True, kw_only=True)
class MeanSettings(MethodSettings):
    """Settings of the means."""

    name: ClassVar[str] = "toy-means"
    share: float = setting(0.5, above=0, at_most=1, help="share of a class that an image is the mean of")


class Means:
    """Means of real images."""

    settings_class = MeanSettings

    def __init__(self, settings: MeanSettings, context: Context) -> None:
        self._settings, self._context = settings, context

    def distil(self) -> SyntheticSet:
        train, generator = self._context.real.train, stream(self._context.seed, "condense")
        images = []
        for label in self._context.labels(self._settings.ipc):
            own = train.images[train.labels == label]
            count = max(1, int(self._settings.share * len(own)))
            images.append(own[torch.randperm(len(own), generator=generator)[:count]].mean(0))
        return self._context.as_set(self._settings, torch.stack(images))
