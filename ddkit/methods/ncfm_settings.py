"""The settings of NCFM."""

from dataclasses import dataclass, replace
from typing import ClassVar

from ddkit.errors import RecipeError, UsageError
from ddkit.methods.class_batches import ClassBatchCosts
from ddkit.methods.effort import FORWARD, Effort
from ddkit.methods.expert_networks import NetworkSettings
from ddkit.methods.frequencies import FrequencySettings
from ddkit.methods.initial import InitialImages
from ddkit.methods.learned import LearnedImages
from ddkit.methods.method_settings import MethodSettings
from ddkit.nets import FlatNet
from ddkit.recipe import setting
from ddkit.steps import training_memory
from ddkit.task import Task


@dataclass(frozen=True, kw_only=True)
class NCFMSettings(ClassBatchCosts, NetworkSettings, FrequencySettings, LearnedImages, MethodSettings):
    """Settings of NCFM. The defaults are the paper's, and where it says nothing, those of the release."""

    name: ClassVar[str] = "ncfm"
    expert_kind: ClassVar[str | None] = "plain"
    uneven: ClassVar[bool] = True
    fixed: ClassVar[tuple[str, ...]] = (*InitialImages.fixed, "iterations", "sampler", "state", "calibrations")
    iterations: int = setting(20000, at_least=1, help="networks; each is drawn for one iteration")
    batch_real: int = setting(1024, at_least=1, help="real images of a class in a batch")
    lr_img: float = setting(
        0.004, above=0, help="learning rate of the images' Adam at the first step (network space; published: 0.001)"
    )
    state: str = setting(
        "class", one_of=("class", "all"), help="Adam of the images: one state a class, or one that steps for each class"
    )
    amplitude: float = setting(0.5, at_least=0, help="weight of the difference of amplitudes (paper: 1 - phase)")
    phase: float = setting(0.5, at_least=0, help="weight of the difference of phases")
    length: str = setting(
        "mean", one_of=("mean", "each"), help="features are divided by the real ones' mean length, or each by its own"
    )
    calibrations: int = setting(0, at_least=0, help="steps an iteration that lower an expert's cross entropy")
    calibration_weight: float = setting(
        1 / 300, above=0, help="weight of the cross entropy, if that of the distance is 1"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.amplitude == self.phase == 0:
            raise RecipeError("key 'method.phase': is 0, and method.amplitude too, so nothing is matched; raise one")

    @property
    def total_iterations(self) -> int:
        return self.iterations

    @property
    def reads_epochs(self) -> int:
        return self.expert_epochs

    @property
    def fewer_epochs(self) -> str:
        return f"method.expert_epochs, now {self.expert_epochs}"

    def shortened(self, steps: int) -> "NCFMSettings":
        return replace(self, expert_epochs=1)

    def effort(self, task: Task) -> Effort:
        counts, views, real = self.counts(task.real), self.views, self.largest_batch(task)
        passes = FORWARD * real * task.net.classes + (1 + self.calibrations) * counts.total * views
        batch = real + counts.largest * views
        compared = 4 * 4 * self.frequencies * (batch + task.net.head_size // task.net.classes)
        return Effort(self.iterations * passes, training_memory(task.net, 1, batch) + compared)

    def refuse_ranks(self, ranks: int, net: FlatNet) -> None:
        super().refuse_ranks(ranks, net)
        if self.state == "all":
            raise UsageError(
                f"method '{self.name}': with method.state=all the classes are stepped one after another, which "
                f"{ranks} processes cannot divide; use method.state=class, or leave torchrun out"
            )
