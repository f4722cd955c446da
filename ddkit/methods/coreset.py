"""Coresets as methods: real images, chosen in the space of preprocessed pixels. They take one step."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

from torch import Tensor

from ddkit.data import select
from ddkit.methods.contract import Context, MethodSettings
from ddkit.randomness import stream
from ddkit.synth import SyntheticSet


@dataclass(frozen=True, eq=False)
class CoresetState:
    """The images [classes * ipc, C, H, W] that were chosen."""

    images: Tensor


class Coreset:
    """What the coresets share: choose once, in `init`; the one step does nothing."""

    state_class = CoresetState
    loss_limit = None
    blame = "the real data holds numbers that are not finite"
    iterations = 1

    def __init__(self, settings: MethodSettings, context: Context) -> None:
        self._settings, self._context = settings, context

    def init(self) -> CoresetState:
        train, generator = self._context.real.train, stream(self._context.seed, "condense")
        name, ipc = self._settings.name, self._settings.ipc
        return CoresetState(train.images[select(name, train.images.flatten(1), train.labels, ipc, generator)])

    def step(self, state: CoresetState) -> tuple[CoresetState, Mapping[str, Tensor | float]]:
        return state, {}

    def finish(self, state: CoresetState) -> SyntheticSet:
        return self._context.as_set(self._settings, state.images)


@dataclass(frozen=True, kw_only=True)
class RandomSettings(MethodSettings):
    """Settings of random-real."""

    name: ClassVar[str] = "random"


@dataclass(frozen=True, kw_only=True)
class HerdingSettings(MethodSettings):
    """Settings of herding."""

    name: ClassVar[str] = "herding"


@dataclass(frozen=True, kw_only=True)
class KMeansSettings(MethodSettings):
    """Settings of k-means."""

    name: ClassVar[str] = "kmeans"


@final
class Random(Coreset):
    """Random: a uniform draw of ipc real images a class."""

    settings_class = RandomSettings


@final
class Herding(Coreset):
    """Herding (Welling, ICML 2009): greedily the real images whose mean is nearest to that of their class."""

    settings_class = HerdingSettings


@final
class KMeans(Coreset):
    """K-means: the real images nearest to ipc cluster centres a class."""

    settings_class = KMeansSettings
