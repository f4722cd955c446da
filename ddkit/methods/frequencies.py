"""The frequencies at which NCFM compares characteristic functions: drawn, or chosen by a sampling network.

A frequency is t = scale n with n ~ N(0, I). With the sampling network psi it is t = sigma * n, where sigma = psi(noise)
is a scale for each feature. Frequencies are then a mixture of normal distributions, of which COPIES frequencies share a
component, as in the paper. psi moves up the gradient of the distance, so that it finds the frequencies at which real
and synthetic features differ most.

The paper gives no settings of psi. Here it has one hidden layer. Its last layer is 0 at the beginning, so that it
begins with the frequencies that are drawn without it. A scale stays between scale / RANGE and scale RANGE, because at
very high frequencies every finite sample differs from every other one.

In the released code psi never learns: the backward passes of its images and of its own loss add up to a gradient of 0.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from ddkit.recipe import Settings, setting

COPIES = 16
"""Frequencies of one component of the mixture."""

NOISE, HIDDEN = 64, 64
"""Inputs and hidden units of psi."""

RANGE = 4.0
"""How far psi can move a scale, as a factor."""


@dataclass(frozen=True, kw_only=True)
class FrequencySettings(Settings):
    """Number, scale and source of the frequencies."""

    frequencies: int = setting(1024, at_least=1, help="k: frequencies of a comparison (paper: 1024, release: 4096)")
    scale: float = setting(1.0, above=0, help="standard deviation of the frequencies, for features of length 1")
    sampler: str = setting(
        "network", one_of=("network", "normal"), help="network: a learned mixture of normals; normal: N(0, scale^2)"
    )
    lr_sampler: float = setting(1e-3, above=0, help="learning rate (Adam) of the sampling network")


@dataclass(frozen=True, eq=False)
class FrequencyDraw:
    """What is drawn for one comparison: the network's noise [components, NOISE], and normal numbers [k, d]."""

    noise: Tensor
    normal: Tensor


class FrequencySampler:
    """Frequencies for d features. It has no state: the parameters psi [p] of the network are arguments.

    Attributes:
        parameters: p; 0 if there is no network.
    """

    def __init__(self, settings: FrequencySettings, features: int) -> None:
        self._settings, self._features = settings, features

    @cached_property
    def _sizes(self) -> list[int]:
        """Lengths of the network's tensors: weight and bias of the hidden layer, then of the last one."""
        if self._settings.sampler == "normal":
            return [0, 0, 0, 0]
        return [HIDDEN * NOISE, HIDDEN, self._features * HIDDEN, self._features]

    @property
    def parameters(self) -> int:
        return sum(self._sizes)

    def init(self, generator: torch.Generator, like: Tensor) -> Float[Tensor, " p"]:
        """Draw the hidden layer. The last layer is 0, so that every scale is `scale`. Without a network: [0]."""
        hidden, *others = self._sizes
        drawn = torch.randn(hidden, generator=generator) / math.sqrt(NOISE)
        return torch.cat([drawn.to(like), like.new_zeros(sum(others))])

    def draw(self, generator: torch.Generator, like: Tensor) -> FrequencyDraw:
        """Draw the numbers of one comparison, with the dtype and device of `like`."""
        count = self._settings.frequencies
        components = -(-count // COPIES) if self.parameters else 0
        noise = torch.randn(components, NOISE, generator=generator)
        return FrequencyDraw(noise.to(like), torch.randn(count, self._features, generator=generator).to(like))

    def scales(self, psi: Float[Tensor, " p"], noise: Float[Tensor, "c i"]) -> Float[Tensor, "c d"]:
        """The network's scales for each component and feature."""
        weight, bias, last, last_bias = psi.split(self._sizes)
        hidden = torch.addmm(bias, noise, weight.view(HIDDEN, NOISE).T).relu()
        moved = torch.addmm(last_bias, hidden, last.view(self._features, HIDDEN).T).tanh()
        return self._settings.scale * RANGE**moved

    def frequencies(self, psi: Float[Tensor, " p"], drawn: FrequencyDraw) -> Float[Tensor, "k d"]:
        """The frequencies. They can be differentiated for psi."""
        if not self.parameters:
            return self._settings.scale * drawn.normal
        scales = self.scales(psi, drawn.noise).repeat_interleave(COPIES, 0)
        return scales[: len(drawn.normal)] * drawn.normal
