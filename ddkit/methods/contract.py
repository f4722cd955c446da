"""The contract of methods.

A method is made of its settings and a context, both immutable. It is of one of two forms. An iterative method learns:

    method = FTD(settings, context)
    state = method.init()                everything that changes: tensors and plain numbers, nothing else
    state, metrics = method.step(state)  one outer iteration
    synthetic = method.finish(state)     the set

A one-shot method (coresets, RDED, Mirage) chooses or counts, and needs no iterations:

    synthetic = Herding(settings, context).distil()

The context is given on construction and not to `init`, because a resumed run never calls `init`. Methods for images get
a `Context`, methods for graphs a `GraphContext` (`ddkit.methods.graph_contract`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor

from ddkit.data import DSA, RealData
from ddkit.experts import Ensemble, Trajectories
from ddkit.nets import FlatNet
from ddkit.recipe import Settings, setting
from ddkit.synth import GraphSet, SetFacts, SyntheticSet
from ddkit.task import Task


@dataclass(frozen=True, kw_only=True)
class MethodSettings(Settings):
    """Settings that all methods for images share."""

    kind: ClassVar[str] = "images"
    name: ClassVar[str]
    expert_kind: ClassVar[str | None] = None
    """The kind of experts a recipe without an [experts] section gets; None: the method needs no experts."""
    fixed: ClassVar[tuple[str, ...]] = ()
    """Settings that cannot change on the way, beside those that no method can change."""

    ipc: int = setting(1, at_least=1, help="images per class")

    @property
    def reads_epochs(self) -> int:
        """How many epochs of an expert the method will ever read."""
        return 0

    @property
    def total_iterations(self) -> int | None:
        """Iterations in all: 0 of a one-shot method, None where the numbers of classes and experts decide too."""
        return 0

    @property
    def fewer_epochs(self) -> str:
        """The setting that lets experts be shorter, and its value now; "" where there is none."""
        return ""

    @property
    def shorter(self) -> str:
        """How to make the condensation shorter, in words."""
        return "a smaller method.ipc takes less"

    @property
    def less_memory(self) -> str:
        """How the condensation takes less memory, in words."""
        return "lower method.ipc, or take a machine with more"

    @property
    def inner_steps(self) -> int:
        """Steps within one iteration, by which its time grows."""
        return 1

    def shortened(self, steps: int) -> "MethodSettings":
        """These settings with `steps` inner steps, for a probe: of an expert they read the first epoch only."""
        return self

    def most_growth(self, images: int, net: FlatNet, free: int) -> int | None:
        """Bytes that all inner steps together add to those of a few at most, for a set of `images` where `free` bytes
        are free; None: as many as they need."""
        return None

    @property
    def teacher_labels(self) -> tuple[float, int | None] | None:
        """(temperature, logits kept) of the labels that teachers give to the set; None: they give none."""
        return None

    @property
    def wears_fyi(self) -> bool:
        """Whether images entered with their mirror images; see `ddkit.methods.fyi`."""
        return False

    @property
    def expects_flips(self) -> bool:
        """Whether the images are made to be mirrored by whoever trains on them."""
        return self.wears_fyi

    @property
    def mirrored_by(self) -> tuple[str, str] | None:
        """The key that has the method mirror images, and how to do without; None: it mirrors none."""
        return None

    @property
    def title(self) -> str:
        """What rows of the set are called: the method, and whether it wears FYI."""
        return self.name + "+fyi" * self.wears_fyi


def fewer_iterations(iterations: int) -> str:
    """`MethodSettings.shorter` of a method that has a setting `iterations`."""
    return f"--set method.iterations={iterations // 10 or 1} takes a tenth of the time"


@dataclass(frozen=True)
class Context:
    """What a method may look at. The test part of `real` is not for methods."""

    task: Task
    seed: int
    trajectories: Trajectories | None = None
    teachers: Ensemble | None = None

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
        """Parameters [P] of an untrained network, where the data is and in its dtype."""
        images = self.real.train.images
        return self.net.init(generator, images.dtype).to(images.device)

    def labels(self, ipc: int) -> Tensor:
        """Class-contiguous hard labels [classes * ipc]."""
        return torch.arange(self.real.data.class_count, device=self.device).repeat_interleave(ipc)

    def facts(self, settings: MethodSettings, lr: float | None = None) -> SetFacts:
        """All that is known here of a set."""
        preprocess = self.real.preprocess
        return SetFacts(
            method=settings.name,
            dataset=self.real.data.name,
            data_digest=self.real.data.digest,
            classes=self.real.data.classes,
            ipc=settings.ipc,
            space=preprocess.space,
            preprocess_digest=preprocess.digest,
            net=self.net.spec,
            augment=self.dsa.strategy,
            evaluation_flip=max(self.dsa.flip_share, 0.5 if settings.expects_flips else 0.0),
            fyi=settings.wears_fyi,
            mean=getattr(preprocess, "mean", None),
            std=getattr(preprocess, "std", None),
            lr=lr,
            teachers="" if self.teachers is None else "; ".join(self.teachers.names),
        )

    def as_set(
        self, settings: MethodSettings, images: Tensor, lr: float | None = None, soft_labels: Tensor | None = None
    ) -> SyntheticSet:
        """Images [classes * ipc, C, H, W], class by class, with all that is known here bound to them."""
        facts = self.facts(settings, lr)
        labels = self.labels(settings.ipc).cpu()
        soft = None if soft_labels is None else soft_labels.detach().cpu()
        return SyntheticSet(images=images.detach().cpu(), labels=labels, soft_labels=soft, facts=facts)


@runtime_checkable
class IterativeMethod(Protocol):
    """A method that learns a set over many iterations, which `ddkit.run.drive` runs, keeps and resumes."""

    settings_class: ClassVar[type[MethodSettings]]
    state_class: ClassVar[type]
    loss_limit: ClassVar[float | None]
    """A metric `loss` above it has exploded; None: it has no scale."""
    blame: ClassVar[str]
    """What to change when numbers are lost; ends an error line."""

    def __init__(self, settings: Any, context: Context) -> None: ...

    @property
    def iterations(self) -> int: ...

    def init(self) -> Any: ...

    def step(self, state: Any) -> tuple[Any, Mapping[str, Tensor | float]]: ...

    def finish(self, state: Any) -> SyntheticSet: ...


@runtime_checkable
class OneShotMethod(Protocol):
    """A method that makes its set in one call."""

    def __init__(self, settings: Any, context: Any) -> None: ...

    def distil(self) -> SyntheticSet | GraphSet: ...


Method = IterativeMethod | OneShotMethod


@runtime_checkable
class ImageMethodClass(Protocol):
    """A class of methods for images in the table of methods."""

    settings_class: ClassVar[type[MethodSettings]]

    def __call__(self, settings: Any, context: Context) -> Method: ...
