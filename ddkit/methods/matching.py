"""The matching loss of a student and its expert: which iterate, which parameters, which gradient.

With w the weights of the parameters, the loss of a student that starts at theta_0 is

    sum_p w_p (theta_i - target)_p^2 / sum_p w_p (theta_0 - target)_p^2

MTT compares the last iterate, i = N, with w = 1. The changes of later papers are off by default:

- ATT (Liu et al., ECCV 2024): i is the iterate nearest to the target by L1 distance. Later steps get no gradient.
- PAD (Li et al., 2024): w = 0 for the first floor(alpha P) parameters, those of the shallow layers. Its released code
  differs: it drops the parameters with the smallest differences to the target, as EDF does.
- EDF (Wang et al., CVPR 2025): w = 1 for the share of the parameters with the largest differences, 0 for the others.
- TESLA (Cui et al., ICML 2023): the gradient treats every iterate as a constant. This is not MTT's gradient, although
  the paper claims it is. The exact gradient needs no more memory here.

The loss of an iteration is the mean over `trajectories` students. Each has its own expert and start epoch. A CPU trains
them one after another. On CUDA, engine `captured` trains several at once if their batches are small, since ten images
leave most of a device idle.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ddkit.errors import UsageError
from ddkit.recipe import Settings, setting
from ddkit.steps import PRECISIONS
from ddkit.unroll import ENGINES, GRADIENTS, MATCHES, Waypoint, Weighting, largest


@dataclass(frozen=True, eq=False)
class Walk:
    """The draws for one student: start, target and middle snapshots of its expert [P]; the student's batches
    [N, B, C, H, W], their labels [N, B] or [N, B, K], and its learning rates [N]."""

    theta_0: Tensor
    target: Tensor
    middle: Sequence[Tensor]
    images: Tensor
    labels: Tensor
    lr: Tensor


@dataclass(frozen=True, kw_only=True)
class Matching(Settings):
    """Settings of the matching loss and of its computation."""

    match: str = setting(
        "last", one_of=MATCHES, help="student iterate that is matched: the last, or the nearest to the target (ATT)"
    )
    gradient: str = setting(
        "exact", one_of=GRADIENTS, help="detached: iterates are treated as constants, an approximation (TESLA)"
    )
    skip_shallow: float = setting(
        0.0, at_least=0, below=1, help="alpha: share of the parameters, from the first layer on, not matched (PAD)"
    )
    largest: float = setting(
        1.0,
        above=0,
        at_most=1,
        help="share of the parameters after those of skip_shallow that is matched, the largest differences (EDF: 0.75)",
    )
    trajectories: int = setting(
        1, at_least=1, help="students of an iteration; the loss is their mean; several ranks divide them"
    )
    engine: str = setting("auto", one_of=("auto", *ENGINES), help="unroll engine")
    memory: int | None = setting(
        None, at_least=0, help="MiB for student steps that are kept; none: a quarter of the free memory"
    )
    precision: str = setting("float32", one_of=PRECISIONS, help="arithmetic of the student's convolutions")

    def refuse_imprecise_reference(self) -> None:
        """Raise UsageError if the engine is reference and the precision is not float32."""
        if self.engine == "reference" and self.precision != "float32":
            raise UsageError(
                f"method.precision={self.precision}: engine reference computes in float32; choose another engine"
            )

    def problem(self, walks: Sequence[Walk], points: Sequence[tuple[int, int, float]]) -> dict[str, Any]:
        """Return the arguments of `matching_loss`.

        Args:
            points: (student step, expert epochs after the start, weight) of each snapshot in a walk's `middle`.
        """
        middle = zip(points, zip(*(walk.middle for walk in walks), strict=True), strict=True)
        return {
            "theta_0": _together([walk.theta_0 for walk in walks]),
            "theta_target": _together([walk.target for walk in walks]),
            "waypoints": tuple(Waypoint(step, _together(thetas), weight) for (step, _, weight), thetas in middle),
            "images": _together([walk.images for walk in walks]),
            "labels": _together([walk.labels for walk in walks]),
            "lr": _together([walk.lr for walk in walks]),
            "weights": self._weights(walks[0].theta_0),
            "match": self.match,
            "gradient": self.gradient,
            "precision": self.precision,
            "engine": self.engine,
            "memory": None if self.memory is None else self.memory * 2**20,
        }

    def _weights(self, theta: Tensor) -> Tensor | Weighting | None:
        skipped = min(int(self.skip_shallow * len(theta)), len(theta) - 1)
        if self.largest < 1:
            return largest(self.largest, skipped)
        if not skipped:
            return None
        weights = torch.ones_like(theta)
        weights[:skipped] = 0
        return weights


def _together(parts: Sequence[Tensor]) -> Tensor:
    """Stack the parts along a new first axis. A single part is not copied."""
    return parts[0][None] if len(parts) == 1 else torch.stack(tuple(parts))
