"""What is to be matched: one student's N steps, the snapshots it should meet, and by which rule."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

Weighting = Callable[[Tensor], Tensor]
"""From squared differences [P] to weights [P], which are held constant when the loss is differentiated."""


class Waypoint(NamedTuple):
    """After `step` student steps (1 .. N) the student should be near `theta` ([P]; [K, P] for K trajectories)."""

    step: int
    theta: Tensor
    weight: float = 1.0


@dataclass(frozen=True)
class Rules:
    """What of a problem is not a tensor: with the shapes it decides which operations run, and in which order."""

    momentum: float = 0.0
    waypoints: tuple[tuple[int, float], ...] = ()
    match: str = "last"
    gradient: str = "exact"
    weighting: Weighting | None = None


@dataclass(frozen=True, eq=False)
class Problem:
    """One trajectory. `targets`: the last one first, then one a waypoint. `weights`: [P] or None."""

    rules: Rules
    theta_0: Tensor
    targets: tuple[Tensor, ...]
    images: Tensor
    labels: Tensor
    lr: Tensor
    weights: Tensor | None = None

    def terms(self, iterates: list[Tensor]) -> Iterator[tuple[int, Tensor, Tensor]]:
        """(step, weighted squared relative distance, d distance / d iterate at that step) of each part of the loss.

        `iterates` are theta_0 .. theta_N; what is yielded carries a graph where they do.
        """
        last, *targets = self.targets
        yield from self._final(iterates, last)
        for (step, weight), target in zip(self.rules.waypoints, targets, strict=True):
            yield step, *self._distance(iterates[step], target, weight)

    def _final(self, iterates: list[Tensor], target: Tensor) -> Iterator[tuple[int, Tensor, Tensor]]:
        """The part of the iterate that should meet the target: the last, or the nearest one by L1 distance (ATT)."""
        steps = len(iterates) - 1
        if self.rules.match == "last":
            yield steps, *self._distance(iterates[steps], target, 1.0)
            return
        nearest = torch.stack([(theta.detach() - target).abs().sum() for theta in iterates[1:]]).argmin()
        if not target.is_cuda:
            step = int(nearest) + 1
            yield step, *self._distance(iterates[step], target, 1.0)
            return
        # Asking for the number would wait for the device, so every step gets a part, of which all but one are 0: by
        # choice and not by a factor, since a later iterate may have overflowed.
        picked = torch.stack(iterates[1:]).index_select(0, nearest.view(1))[0]
        value, slope = self._distance(picked, target, 1.0)
        for step in range(1, steps + 1):
            mine = nearest == step - 1
            yield step, torch.where(mine, value, 0), torch.where(mine, slope, 0)

    def _distance(self, theta: Tensor, target: Tensor, share: float) -> tuple[Tensor, Tensor]:
        difference = theta - target
        weights = self.weights
        if self.rules.weighting is not None:
            weights = self.rules.weighting(difference.detach().square())
        weighted = difference if weights is None else weights * difference
        start = self.theta_0 - target
        scale = share / (start @ (start if weights is None else weights * start))
        return scale * (weighted @ difference), 2 * scale * weighted


@dataclass(frozen=True)
class largest:  # lower case, since it is used like a function; instances of equal share compare equal: one CUDA graph
    """The weighting of PAD's code and of EDF: 1 for the given share of parameters, those that miss most, and 0 for the
    others. The first `skipped` parameters have 0 and are not counted."""

    share: float
    skipped: int = 0

    def __call__(self, squares: Tensor) -> Tensor:
        counted = squares[self.skipped :]
        keep = max(1, round(self.share * len(counted)))
        return torch.zeros_like(squares).scatter(0, counted.topk(keep).indices + self.skipped, 1.0)
