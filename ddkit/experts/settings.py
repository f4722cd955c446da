"""Settings that all kinds of experts share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ddkit.data import Part
from ddkit.experts.objective import Objective, ValueAndGradient
from ddkit.recipe import ANY_SEED, setting
from ddkit.task import Task

TRAJECTORIES, TEACHERS = "trajectories", "teachers"
"""The two sources of experts; see `ddkit.experts.source`."""


@dataclass(frozen=True, kw_only=True)
class ExpertSettings(Objective):
    """Settings of the loss and of SGD for every kind. The method determines the number of epochs."""

    name: ClassVar[str]
    gives: ClassVar[str] = TRAJECTORIES
    count: int = setting(100, at_least=1, help="experts")
    lr: float = setting(0.01, above=0, help="learning rate")
    lr_decay: float = setting(1.0, above=0, at_most=1, help="factor of lr from lr_decay_epoch on; 1: lr is constant")
    # The code of MTT and AST makes a new optimiser after epoch 26.
    lr_decay_epoch: int = setting(27, at_least=1, epochs=True, help="first epoch (from 0) at the decayed lr")
    momentum: float = setting(0.0, at_least=0, below=1, help="momentum")
    weight_decay: float = setting(0.0, at_least=0, help="weight decay")
    batch: int = setting(256, at_least=1, help="batch size")
    seed: int = setting(
        0, at_least=0, at_most=ANY_SEED, help="seed of the experts' initialisation, order and augmentation"
    )
    dtype: str = setting("float32", one_of=("float32", "float16", "bfloat16"), help="precision on disk")

    def lr_in(self, epoch: int) -> float:
        """The learning rate in epoch e = 0, 1, ..."""
        return self.lr * (self.lr_decay if epoch >= self.lr_decay_epoch else 1.0)

    @property
    def fewer(self) -> str:
        """The setting that shortens the training of all experts, and its value."""
        return f"experts.count, now {self.count}"

    def lessons(self, task: Task) -> Callable[[int], Part]:
        """Return the function that gives the images of epoch e = 0, 1, ... Without a curriculum it gives all images."""
        return lambda epoch: task.real.train

    def direction(self, value_and_gradient: ValueAndGradient, theta: Tensor) -> tuple[Tensor, Tensor]:
        """(loss [], descent direction [P]) of one batch at parameters `theta` [P]. Each kind of expert implements it.

        It must work under torch.func.vmap, which runs it for several experts at once on CUDA.
        """
        raise TypeError(f"{type(self).__name__} is not a kind of expert: it has no direction")
