"""Coresets as methods: real images, selected in the space of preprocessed pixels.

With `formation` k, a stored image is k^2 selected ones made small, as in the packed rivals of a table.
"""

from dataclasses import dataclass
from typing import ClassVar, final

from ddkit.data import KMEANS_BYTES, refuse_small_classes, select
from ddkit.methods.contract import Context
from ddkit.methods.effort import FORWARD, Effort
from ddkit.methods.formation import Formation
from ddkit.methods.method_settings import MethodSettings
from ddkit.randomness import stream
from ddkit.synth import SyntheticSet
from ddkit.task import Task


@dataclass(frozen=True, kw_only=True)
class CoresetSettings(Formation, MethodSettings):
    """Settings of a coreset."""

    uneven: ClassVar[bool] = True


class Coreset:
    """Base class of the coresets: select real images of each class."""

    def __init__(self, settings: CoresetSettings, context: Context) -> None:
        self._settings, self._context = settings, context

    def distil(self) -> SyntheticSet:
        train, generator = self._context.real.train, stream(self._context.seed, "condense")
        name, counts = self._settings.name, self._settings.counts(self._context.real)
        refuse_small_classes(train.labels, counts, self._settings.parts)
        small = counts.times(self._settings.parts)
        chosen = select(name, train.images.flatten(1), train.labels, small, generator)
        return self._context.as_set(self._settings, self._settings.packed(train.images[chosen]))


@dataclass(frozen=True, kw_only=True)
class RandomSettings(CoresetSettings):
    """Settings of random-real."""

    name: ClassVar[str] = "random"


@dataclass(frozen=True, kw_only=True)
class HerdingSettings(CoresetSettings):
    """Settings of herding."""

    name: ClassVar[str] = "herding"


@dataclass(frozen=True, kw_only=True)
class KMeansSettings(CoresetSettings):
    """Settings of k-means."""

    name: ClassVar[str] = "kmeans"

    def effort(self, task: Task) -> Effort:
        train = task.real.train
        largest = int(train.labels.bincount().max()) * train.images[0].numel()
        return Effort(len(train) * FORWARD, KMEANS_BYTES * largest)


@final
class Random(Coreset):
    """Random: ipc real images of each class, drawn uniformly."""

    settings_class = RandomSettings


@final
class Herding(Coreset):
    """Herding (Welling, ICML 2009): real images selected greedily, so that their mean is near that of their class."""

    settings_class = HerdingSettings


@final
class KMeans(Coreset):
    """K-means: the real images nearest to ipc cluster centres of each class."""

    settings_class = KMeansSettings
