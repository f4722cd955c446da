"""Networks drawn from experts: between an expert's first and last parameters, or after one of its epochs.

NCFM draws theta = share first + (1 - share) last with a random share. The expert never was such a network
while it trained: it lies on a straight line between two of them. With `networks = "epoch"` the method draws one of
the networks that the expert was after an epoch.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ddkit.methods.class_batches import ClassBatches
from ddkit.methods.contract import Context
from ddkit.nets import FlatNet, Stats
from ddkit.recipe import Settings, setting


@dataclass(frozen=True, kw_only=True)
class NetworkSettings(Settings):
    """Which networks of an expert are drawn."""

    networks: str = setting(
        "blend", one_of=("blend", "epoch"), help="blend: between an expert's first and last network; epoch: after one"
    )
    expert_epochs: int = setting(60, at_least=1, epochs=True, help="epochs of an expert's last network")


@dataclass(frozen=True, eq=False)
class Network:
    """A network with parameters theta [P], and the statistics of its batch norms."""

    net: FlatNet
    theta: Tensor
    stats: Stats | None

    def features(self, images: Tensor) -> Tensor:
        """The features [n, f] of images [n, C, H, W]."""
        return self.net.features(self.theta, images, self.stats)

    def logits(self, images: Tensor) -> Tensor:
        """The logits [n, K] of images [n, C, H, W]."""
        return self.net(self.theta, images, self.stats)


class ExpertNetworks:
    """The networks that a method draws."""

    def __init__(self, settings: NetworkSettings, method: str, context: Context, real: ClassBatches) -> None:
        self._settings, self._context, self._real = settings, context, real
        self._experts = context.trajectories_for(method)

    def draw(self, generator: torch.Generator) -> tuple[Network, Network]:
        """Draw an expert; return one of its networks, and its last one."""
        expert = int(torch.randint(self._experts.count, (), generator=generator))
        theta, last = self._one_of(expert, generator), self._experts.row(expert, self._settings.expert_epochs)
        return self._network(theta, generator), self._network(last, generator)

    def _one_of(self, expert: int, generator: torch.Generator) -> Tensor:
        last = self._settings.expert_epochs
        if self._settings.networks == "epoch":
            return self._experts.row(expert, int(torch.randint(last + 1, (), generator=generator)))
        share = float(torch.rand((), generator=generator))
        return share * self._experts.row(expert, 0) + (1 - share) * self._experts.row(expert, last)

    def _network(self, theta: Tensor, generator: torch.Generator) -> Network:
        return Network(self._context.net, theta, self._real.statistics(self._context.net, theta, generator))
