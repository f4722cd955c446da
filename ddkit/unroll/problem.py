"""The matching problem: one student's N steps, its target snapshots, and the rules of the match."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

Weighting = Callable[[Tensor], Tensor]
"""A function from squared differences [P] to weights [P]. The weights are not differentiated."""


class Waypoint(NamedTuple):
    """A snapshot `theta` that the student matches after `step` steps (1 .. N); [P], or [T, P] for T trajectories."""

    step: int
    theta: Tensor
    weight: float = 1.0


@dataclass(frozen=True)
class Rules:
    """The parts of a problem that are not tensors. With the shapes they determine the operations and their order."""

    momentum: float = 0.0
    waypoints: tuple[tuple[int, float], ...] = ()
    match: str = "last"
    gradient: str = "exact"
    weighting: Weighting | None = None


@dataclass(frozen=True, eq=False)
class Problem:
    """The problem of one trajectory.

    `targets` are the target of the last step, then those of the waypoints. `weights` are [P] or None.
    """

    rules: Rules
    theta_0: Tensor
    targets: tuple[Tensor, ...]
    images: Tensor
    labels: Tensor
    lr: Tensor
    weights: Tensor | None = None

    def terms(self, iterates: list[Tensor]) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Give (step, weighted squared relative distance, d distance / d iterate at that step) of each loss term.

        `iterates` are theta_0 .. theta_N. The results have a graph if the iterates have one.
        """
        last, *targets = self.targets
        yield from self._final(iterates, last)
        for (step, weight), target in zip(self.rules.waypoints, targets, strict=True):
            yield step, *self._distance(iterates[step], target, weight)

    def _final(self, iterates: list[Tensor], target: Tensor) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Give the term of the iterate that matches the target: the last, or the nearest one by L1 distance (ATT)."""
        steps = len(iterates) - 1
        if self.rules.match == "last":
            yield steps, *self._distance(iterates[steps], target, 1.0)
            return
        nearest = torch.stack([(theta.detach() - target).abs().sum() for theta in iterates[1:]]).argmin()
        if not target.is_cuda:
            step = int(nearest) + 1
            yield step, *self._distance(iterates[step], target, 1.0)
            return
        # Reading the number would wait for the device, so every step gets a term, and all but one are 0. They are set
        # by torch.where and not by a factor 0, since a later iterate may have overflowed.
        picked = torch.stack(iterates[1:]).index_select(0, nearest.view(1))[0]
        value, slope = self._distance(picked, target, 1.0)
        for step in range(1, steps + 1):
            is_nearest = nearest == step - 1
            yield step, torch.where(is_nearest, value, 0), torch.where(is_nearest, slope, 0)

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
class largest:  # lower case, since it is used like a function; equal instances share one CUDA graph
    """The weighting of PAD's code and of EDF: 1 for the `share` of parameters with the largest differences, else 0.

    The first `skipped` parameters have weight 0 and do not count.
    """

    share: float
    skipped: int = 0

    def __call__(self, squares: Tensor) -> Tensor:
        counted = squares[self.skipped :]
        keep = max(1, round(self.share * len(counted)))
        return torch.zeros_like(squares).scatter(0, counted.topk(keep).indices + self.skipped, 1.0)
