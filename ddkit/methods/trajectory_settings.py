"""The settings that all trajectory-matching methods share.

They include the settings of the pieces of an iteration, each in its own file: the window of start epochs
(`start_epoch`), the student (`student`), the matching loss (`matching`), and initial images and labels
(`initial_by_experts`).
"""

import dataclasses
import math
from dataclasses import dataclass
from typing import ClassVar

from ddkit.errors import UsageError
from ddkit.methods.division import refuse_idle_ranks
from ddkit.methods.effort import SECOND, Effort, fewer_iterations
from ddkit.methods.initial_by_experts import InitialSet
from ddkit.methods.learned import LearnedImages
from ddkit.methods.matching import Matching
from ddkit.methods.method_settings import MethodSettings
from ddkit.methods.start_epoch import StartEpochs
from ddkit.methods.student import Student
from ddkit.methods.target_labels import TargetLabels
from ddkit.nets import FlatNet
from ddkit.recipe import setting
from ddkit.steps import training_memory
from ddkit.task import Task


@dataclass(frozen=True, kw_only=True)
class TrajectorySettings(Matching, Student, StartEpochs, InitialSet, TargetLabels, LearnedImages, MethodSettings):
    """Settings of trajectory matching, with the papers' names. The defaults are MTT's."""

    fixed: ClassVar[tuple[str, ...]] = (*InitialSet.fixed, "lr_teacher")  # the unit of lr_lr
    divided: ClassVar[bool] = True
    uneven: ClassVar[bool] = True
    iterations: int = setting(5000, at_least=1, help="outer iterations")
    batch_syn: int | None = setting(None, at_least=1, help="synthetic images of a step (packed: small ones); none: all")
    lr_img: float = setting(100.0, above=0, help="learning rate of the images (network space)")
    lr_lr: float = setting(1e-7, at_least=0, help="learning rate of the inner learning rate, at its initial value")
    lr_teacher: float = setting(0.01, above=0, help="initial inner learning rate")
    lr_y: float = setting(0.0, at_least=0, help="learning rate of soft labels' logits; 0: fixed (DATM: 2 to 10)")
    momentum_y: float = setting(0.9, at_least=0, below=1, help="momentum of soft labels' logits")
    threshold: float | None = setting(
        None, above=0, help="an iteration with a larger loss changes nothing (DATM: 1); none: no limit"
    )
    ema_decay: float = setting(
        0.0, at_least=0, below=1, help="decay of the images' moving average (FTD); 0: the last images"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.refuse_empty_window()
        self.refuse_short_walk()
        self.refuse_noise_with_labels()
        self.refuse_two_sources(self.soft_labels, self.lr_y)
        self.refuse_imprecise_reference()

    @property
    def labelled_by_experts(self) -> bool:
        """Whether soft labels begin at the experts' mean logits, and are learned. Else the targets give them."""
        return self.soft_labels and not self.target_labels

    @property
    def labelling_epoch(self) -> int:
        """The epoch of the experts that choose initial images and labels."""
        return self.teacher_epoch or self.last_matched

    @property
    def last_matched(self) -> int:
        """The last epoch of an expert that can be a target."""
        return self.max_start_epoch - 1 + self.expert_epochs

    @property
    def total_iterations(self) -> int:
        return self.iterations

    @property
    def reads_epochs(self) -> int:
        return max(self.last_matched, self.labelling_epoch) if self.uses_experts else self.last_matched

    @property
    def fewer_epochs(self) -> str:
        return f"method.max_start_epoch, now {self.max_start_epoch}"

    @property
    def shorter(self) -> str:
        return fewer_iterations(self.iterations)

    @property
    def less_memory(self) -> str:
        if self.engine == "reference":
            return "set method.engine=adjoint, which keeps one step in memory instead of all"
        batch = self.batch_syn or "all images"
        return f"lower method.batch_syn, now {batch}, or method.syn_steps, now {self.syn_steps}"

    @property
    def inner_steps(self) -> int:
        return self.syn_steps

    def most_growth(self, images: int, net: FlatNet, free: int) -> int | None:
        """See `MethodSettings.most_growth`.

        The unroller keeps tapes of steps in at most a quarter of the free memory. In addition each step needs memory
        for an iterate and a few copies of its batch. Engine `reference` keeps everything.
        """
        if self.engine == "reference":
            return None
        batch = self.batch_of(images) * math.prod(net.shape) * self.trajectories
        return free // 4 + self.syn_steps * 4 * (net.parameters + 4 * batch)

    def effort(self, task: Task) -> Effort:
        """See `MethodSettings.effort`. Tapes are not counted: the unroller keeps as many as the free memory allows."""
        net = task.net
        batch = self.batch_of(self.counts(task.real).total) * self.trajectories
        step = SECOND * training_memory(net, self.trajectories, batch)
        kept = 4 * (2 * self.trajectories * net.parameters + SECOND * batch * math.prod(net.shape))
        memory = self.syn_steps * (step if self.engine == "reference" else kept) + step
        return Effort(float(SECOND) * self.iterations * self.syn_steps * batch, memory)

    def refuse_ranks(self, ranks: int, net: FlatNet) -> None:
        if self.trajectories > 1:
            if self.trajectories % ranks:
                raise UsageError(
                    f"method.trajectories={self.trajectories}: cannot be divided over {ranks} processes; use a "
                    "multiple of them, or 1 to divide every batch"
                )
            return
        if net.has_stats:
            raise UsageError(
                f"method '{self.name}': {ranks} processes divide every batch of the student, which batch norm does not "
                f"allow; use net.norm=instance, or method.trajectories={ranks}, which changes the method"
            )
        if self.engine not in ("auto", "adjoint"):
            raise UsageError(f"method.engine={self.engine}: cannot divide a batch over {ranks} processes; use adjoint")
        fewest = self.ipc if isinstance(self.ipc, int) else 1  # uneven classes have one image or more
        refuse_idle_ranks(self.name, ranks, self.views * self.drawn_of(fewest * net.classes), "images of a batch")

    def batch_of(self, count: int) -> int:
        """Images of a step of the student, if the set stores `count`: at most all small ones of packed images."""
        return min(self.batch_syn or count * self.parts, count * self.parts)

    def drawn_of(self, count: int) -> int:
        """How many of a set's `count` stored images are drawn for a step; `expand` gives its batch of them."""
        return self.drawn(self.batch_of(count))

    def shortened(self, steps: int) -> "TrajectorySettings":
        first = dataclasses.replace(self, min_start_epoch=0, current_max_start_epoch=None, max_start_epoch=1)
        return dataclasses.replace(first, syn_steps=steps, expert_epochs=1, teacher_epoch=None)
