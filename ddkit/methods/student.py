"""The student: momentum, a perturbed start, a balanced loss, and intermediate snapshots of the expert.

All four come from AST (Shen et al., "Efficient Dataset Distillation through Alignment with Smooth and High-Quality
Expert Trajectories", 2023; formulas from its code). All are off by default, and any method that matches trajectories
can enable each of them.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ddkit.device_copy import to_device
from ddkit.errors import RecipeError
from ddkit.nets import FlatNet
from ddkit.recipe import Settings, setting


@dataclass(frozen=True, kw_only=True)
class Student(Settings):
    """Settings of the student. It trains for N = syn_steps steps from an expert's snapshot. Its target is the snapshot
    M = expert_epochs later."""

    syn_steps: int = setting(50, at_least=1, help="N: student steps of an outer iteration")
    expert_epochs: int = setting(2, at_least=1, epochs=True, help="M: expert epochs between start and target")
    syn_momentum: float = setting(0.0, at_least=0, below=1, help="the student's momentum (AST: 0.9)")
    weight_perturb: float = setting(0.0, at_least=0, help="a: perturbation of the convolutions at the start (AST: 1)")
    balance_loss: bool = setting(False, help="scale the student's loss by its start epoch (AST)")
    middle_loss: str = setting(
        "none", one_of=("none", "agg", "adaptive"), help="match the expert's epochs between start and target (AST)"
    )

    def refuse_short_walk(self) -> None:
        """Raise RecipeError if middle_loss is on and there are fewer student steps than expert epochs."""
        if self.middle_loss != "none" and self.syn_steps < self.expert_epochs:
            raise RecipeError(
                f"key 'method.middle_loss': matches an expert epoch every syn_steps // expert_epochs steps, got "
                f"{self.syn_steps} // {self.expert_epochs} = 0; raise syn_steps or set middle_loss to none"
            )

    def middle_points(self) -> list[tuple[int, int, float]]:
        """(student step, expert epochs after the start, weight) of each snapshot between start and target.

        Epoch k = 1 .. M - 1 is matched after k (N // M) steps, with weight 1 ("agg") or k / M ("adaptive").
        """
        if self.middle_loss == "none":
            return []
        stride, last = self.syn_steps // self.expert_epochs, self.expert_epochs
        return [(k * stride, k, 1.0 if self.middle_loss == "agg" else k / last) for k in range(1, last)]


def perturbed(net: FlatNet, theta: Tensor, scale: float, generator: torch.Generator) -> Tensor:
    """Return theta [P] with every convolution's weight W replaced by W + scale (d / |d|_F) W, element by element, with
    d ~ N(0, 1).

    The student then learns to reach the target from a start near the expert's. The matching loss divides by the
    distance of the perturbed start, as the published code does.
    """
    pieces = []
    for weight in net.unflatten(theta).values():
        if weight.ndim == 4:
            noise = to_device(torch.randn(weight.shape, generator=generator).to(weight.dtype), weight.device)
            weight = weight + scale * noise / noise.norm() * weight
        pieces.append(weight.flatten())
    return torch.cat(pieces)


def balance(start: int, max_start_epoch: int) -> float:
    """Return the factor of the student's loss at start epoch s.

    With m = max_start_epoch // 2 it is log_5(s - m + 8) from m on and 1 / log_5(m - s + 8) before m. Under SGD, also
    with momentum, a factor of the loss has the same effect as a factor of the learning rate.
    """
    distance = start - max_start_epoch // 2
    factor = math.log(abs(distance) + 8, 5)
    return factor if distance >= 0 else 1 / factor
