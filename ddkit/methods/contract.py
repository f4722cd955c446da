"""The contract of methods.

A method is constructed from its settings and a context, both immutable. It has one of two forms. An iterative method
learns a set:

    method = FTD(settings, context)
    state = method.init()                everything that changes: tensors and plain numbers only
    state, metrics = method.step(state)  one outer iteration
    synthetic = method.finish(state)     the set

A one-shot method (coresets, RDED, Mirage) makes its set in one call:

    synthetic = Herding(settings, context).distil()

The constructor receives the context, and not `init`, because a resumed run never calls `init`. Methods for images get a
`Context`, methods for graphs a `GraphContext` (`ddkit.methods.graph_contract`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor

from ddkit.data import DSA, Counts, RealData
from ddkit.device_copy import to_device
from ddkit.errors import UsageError
from ddkit.experts import Ensemble, Trajectories
from ddkit.methods.given import GivenImages
from ddkit.methods.method_settings import MethodSettings
from ddkit.nets import FlatNet
from ddkit.ranks import ALONE, Ranks
from ddkit.synth import GraphSet, Packed, SetFacts, SyntheticSet
from ddkit.task import Task


@dataclass(frozen=True)
class Context:
    """The data, network, seed and experts of a method, the set that it begins from if a setting names one, and this
    process among those that make the set together.

    Methods must not read the test part of `real`.
    """

    task: Task
    seed: int
    trajectories: Trajectories | None = None
    teachers: Ensemble | None = None
    ranks: Ranks = ALONE
    given: GivenImages | None = None

    @property
    def real(self) -> RealData:
        """The real data."""
        return self.task.real

    @property
    def net(self) -> FlatNet:
        """The network that the set is made for."""
        return self.task.net

    @property
    def dsa(self) -> DSA:
        """The recipe's augmentation."""
        return self.task.dsa

    @property
    def device(self) -> torch.device:
        return self.task.device

    def fresh_network(self, generator: torch.Generator) -> Tensor:
        """Draw parameters [P] of an untrained network, on the device and in the dtype of the data."""
        images = self.real.train.images
        return to_device(self.net.init(generator, images.dtype), images.device)

    def trajectories_for(self, method: str) -> Trajectories:
        """The trajectories of the experts.

        Raises:
            UsageError: the context has none.
        """
        if self.trajectories is None:
            raise UsageError(f"method '{method}' reads expert trajectories, but the context has none")
        return self.trajectories

    def labels(self, ipc: int | Counts) -> Tensor:
        """Hard labels, class by class, of ipc images a class, or of the number of each class."""
        counts = Counts.even(ipc, self.real.data.class_count) if isinstance(ipc, int) else ipc
        return counts.labels(self.device)

    def facts(self, settings: MethodSettings, lr: float | None = None) -> SetFacts:
        """The facts of a set made from these settings in this context."""
        preprocess, counts = self.real.preprocess, settings.counts(self.real)
        return SetFacts(
            method=settings.name,
            dataset=self.real.data.name,
            data_digest=self.real.data.digest,
            classes=self.real.data.classes,
            ipc=counts.ipc,
            counts=counts.each if counts.ipc is None else None,
            space=preprocess.space,
            preprocess_digest=preprocess.digest,
            net=self.net.spec,
            augment=self.dsa.strategy,
            evaluation_flip=max(self.dsa.flip_share, 0.5 if settings.expects_flips else 0.0),
            fyi=settings.uses_fyi,
            mean=preprocess.mean,
            std=preprocess.std,
            lr=lr,
            teachers="" if self.teachers is None else "; ".join(self.teachers.names),
            formation=settings.packing if settings.packing > 1 else None,
        )

    def as_set(
        self, settings: MethodSettings, images: Tensor, lr: float | None = None, soft_labels: Tensor | None = None
    ) -> SyntheticSet:
        """The set of images [n, C, H, W], class by class, with its labels and facts.

        If the settings say that images are packed, these are the packed ones, and soft labels are one a small image.
        """
        facts = self.facts(settings, lr)
        soft = None if soft_labels is None else soft_labels.detach().cpu()
        if settings.packing > 1:
            return SyntheticSet.from_compact(Packed(images, settings.packing), facts, soft)
        labels = settings.counts(self.real).labels()
        return SyntheticSet(images=images.detach().cpu(), labels=labels, soft_labels=soft, facts=facts)


Made = TypeVar("Made", bound=SyntheticSet | GraphSet, covariant=True)
"""The sets that a method makes."""


@runtime_checkable
class IterativeMethod(Protocol[Made]):
    """A method that learns a set over many iterations. `ddkit.run.drive` runs, checkpoints and resumes it."""

    settings_class: ClassVar[type[MethodSettings]]
    state_class: ClassVar[type]
    loss_limit: ClassVar[float | None]
    """The run stops if the metric `loss` exceeds this limit. None: there is no limit."""
    blame: ClassVar[str]
    """The end of the error line for a loss that is not finite or too large: which settings to change."""

    def __init__(self, settings: Any, context: Context) -> None: ...

    @property
    def iterations(self) -> int: ...

    def init(self) -> Any: ...

    def step(self, state: Any) -> tuple[Any, Mapping[str, Tensor | float]]: ...

    def finish(self, state: Any) -> Made: ...


@runtime_checkable
class OneShotMethod(Protocol[Made]):
    """A method that makes its set in one call."""

    def __init__(self, settings: Any, context: Any) -> None: ...

    def distil(self) -> Made: ...


Method = IterativeMethod[Made] | OneShotMethod[Made]


@runtime_checkable
class ImageMethodClass(Protocol):
    """A class of methods for images in the table of methods."""

    settings_class: ClassVar[type[MethodSettings]]

    def __call__(self, settings: Any, context: Context) -> Method[SyntheticSet]: ...
