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

from ddkit.data import DSA, RealData
from ddkit.experts import Ensemble, Trajectories
from ddkit.methods.effort import Effort
from ddkit.nets import FlatNet
from ddkit.ranks import ALONE, Ranks
from ddkit.recipe import Settings, setting
from ddkit.steps import training_memory
from ddkit.synth import GraphSet, LabelTerms, SetFacts, SyntheticSet
from ddkit.task import Task


@dataclass(frozen=True, kw_only=True)
class MethodSettings(Settings):
    """Settings that all methods for images share."""

    kind: ClassVar[str] = "images"
    name: ClassVar[str]
    expert_kind: ClassVar[str | None] = None
    """The kind of experts for a recipe without an [experts] section. None: the method needs no experts."""
    fixed: ClassVar[tuple[str, ...]] = ()
    """Settings that a resumed run cannot change, in addition to those that no method can change."""
    divided: ClassVar[bool] = False
    """Whether several ranks can make one set together; see `ddkit.methods.division`."""

    ipc: int = setting(1, at_least=1, help="images per class")

    @property
    def reads_epochs(self) -> int:
        """Epochs of an expert that the method reads."""
        return 0

    @property
    def total_iterations(self) -> int | None:
        """Number of iterations. 0: a one-shot method. None: it depends on the numbers of classes and experts too."""
        return 0

    @property
    def fewer_epochs(self) -> str:
        """The setting that reduces the epochs of experts, with its value, for messages. "": there is none."""
        return ""

    @property
    def shorter(self) -> str:
        """How to shorten the condensation, for messages."""
        return "a smaller method.ipc needs less"

    @property
    def less_memory(self) -> str:
        """How to reduce the memory of the condensation, for messages."""
        return "lower method.ipc, or use a machine with more"

    @property
    def inner_steps(self) -> int:
        """Inner steps of one iteration. Its time is proportional to them."""
        return 1

    def shortened(self, steps: int) -> "MethodSettings":
        """These settings with `steps` inner steps, for a probe. They read only the first epoch of an expert."""
        return self

    def most_growth(self, images: int, net: FlatNet, free: int) -> int | None:
        """Upper bound in bytes on the memory that all inner steps add to that of a few steps.

        Args:
            images: number of images in the set.
            free: bytes that are free.

        Returns: None if there is no bound.
        """
        return None

    def effort(self, task: Task) -> Effort:
        """An estimate of what making a set takes. The network of `task` is the largest teacher's, if there are any."""
        images = self.ipc * task.net.classes
        return Effort(float(images), training_memory(task.net, 1, images))

    def refuse_ranks(self, ranks: int, net: FlatNet) -> None:
        """Raise UsageError if so many ranks cannot share the work on a set for this network."""

    @property
    def teacher_labels(self) -> LabelTerms | None:
        """The form of the set's labels if they are teachers' logits. None: the set has other labels."""
        return None

    @property
    def uses_fyi(self) -> bool:
        """Whether the method uses each image together with its mirror image; see `ddkit.methods.fyi`."""
        return False

    @property
    def expects_flips(self) -> bool:
        """Whether training on the set should mirror its images at random."""
        return self.uses_fyi

    @property
    def mirrored_by(self) -> tuple[str, str] | None:
        """The key that makes the method mirror images, and how to disable it. None: the method mirrors none."""
        return None

    @property
    def title(self) -> str:
        """Name of the set in tables: the method, with "+fyi" if it uses FYI."""
        return self.name + "+fyi" * self.uses_fyi


@dataclass(frozen=True)
class Context:
    """The data, network, seed and experts of a method, and this process among those that make the set together.

    Methods must not read the test part of `real`.
    """

    task: Task
    seed: int
    trajectories: Trajectories | None = None
    teachers: Ensemble | None = None
    ranks: Ranks = ALONE

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
        return self.net.init(generator, images.dtype).to(images.device)

    def labels(self, ipc: int) -> Tensor:
        """Hard labels [classes * ipc], class by class."""
        return torch.arange(self.real.data.class_count, device=self.device).repeat_interleave(ipc)

    def facts(self, settings: MethodSettings, lr: float | None = None) -> SetFacts:
        """The facts of a set made from these settings in this context."""
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
            fyi=settings.uses_fyi,
            mean=preprocess.mean,
            std=preprocess.std,
            lr=lr,
            teachers="" if self.teachers is None else "; ".join(self.teachers.names),
        )

    def as_set(
        self, settings: MethodSettings, images: Tensor, lr: float | None = None, soft_labels: Tensor | None = None
    ) -> SyntheticSet:
        """The set of images [classes * ipc, C, H, W], class by class, with its labels and facts."""
        facts = self.facts(settings, lr)
        labels = self.labels(settings.ipc).cpu()
        soft = None if soft_labels is None else soft_labels.detach().cpu()
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
