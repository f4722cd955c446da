"""The base of all networks: a body that computes features, and a linear head."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ddkit.nets.init import default_init
from ddkit.recipe import Settings
from ddkit.toml import parse_value

DEEPEST, WIDEST, WIDEST_MULTIPLIER = 256, 2**16, 64
"""Largest numbers of layers, channels and multiples of channels of a network. Larger values are probably typing errors;
such a network would need minutes and too much memory to build."""

BARE = re.compile(r"[^\s,\"](?:[^\n\r,\"]*[^\s,\"])?")
"""Texts that a spec may hold without quotes, unless they look like another value of TOML."""


RUNS_AT_ONCE = 2**21
"""Parameters and pixels of a network that runs on the CPU, to count its activations, in a few milliseconds."""


class Net(nn.Module):
    """`forward(x) = head(features(x))`, where the features are the body's output, flattened.

    The networks differ only in their bodies. Parameters are registered in the order of published code (layer by layer,
    the head last), so that flat parameter vectors have the same layout.
    """

    def __init__(self, body: nn.Module, features: int, classes: int) -> None:
        super().__init__()
        self.body = body
        self.head = nn.Linear(features, classes)

    def features(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b f"]:
        """Compute the penultimate features, flattened. Feature matching and data selection use them."""
        found: Tensor = self.body(x)
        return found.flatten(1)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k"]:
        """Compute the logits."""
        logits: Tensor = self.head(self.features(x))
        return logits

    @property
    def classifier(self) -> nn.Module:
        """The linear layer that gives the logits."""
        return self.head

    @property
    def logit_parameters(self) -> list[nn.Parameter]:
        """The classifier's parameters. The logits are proportional to them.

        Raises:
            UsageError: they are not.
        """
        return list(self.classifier.parameters())

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a user of the network should know, one sentence each."""
        return ()

    def activations(self, shape: tuple[int, int, int]) -> int:
        """How many numbers the layers of a network on the meta device put out for one image, all together.

        A small network runs on the CPU instead, because torch imports sympy and torch._dynamo to run layers on the meta
        device, which takes a second.
        """
        counts: list[int] = []
        numbers = math.prod(shape) + sum(parameter.numel() for parameter in self.parameters())
        device = "cpu" if numbers <= RUNS_AT_ONCE else "meta"
        module = copy.deepcopy(self).eval()  # in training, batch norm asks for two images
        for layer in module.modules():
            if not list(layer.children()):
                layer.register_forward_hook(lambda layer, inputs, output: counts.append(output.numel()))
        values = {
            name: torch.zeros(value.shape, dtype=value.dtype, device=device)
            for name, value in (*module.named_parameters(), *module.named_buffers())
        }
        with torch.no_grad():
            torch.func.functional_call(module, values, (torch.zeros(1, *shape, device=device),))
        return sum(counts)


@dataclass(frozen=True, kw_only=True)
class NetSettings(Settings, ABC):
    """A frozen dataclass that describes a network and builds it for given images."""

    name: ClassVar[str]

    @abstractmethod
    def build(self, shape: tuple[int, int, int], classes: int) -> Net:
        """Build the network for images of `shape` = (channels, height, width).

        Raises:
            UsageError: the images are too small for the network.
        """

    @property
    def spec(self) -> str:
        """The canonical text of the settings with all defaults. `parse_net` turns it into an equal object."""
        values = [f"{field.name}={_text(getattr(self, field.name))}" for field in dataclasses.fields(self)]
        return f"{self.name}({', '.join(values)})" if values else self.name

    @property
    def foreign(self) -> bool:
        """Whether the network's code is not ddkit's. See `ddkit.nets.foreign`."""
        return False

    @property
    def starts_trained(self) -> bool:
        """Whether the network's initial values were trained elsewhere."""
        return False

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a user of the network should know, one sentence each."""
        return ()

    def blueprint(self, shape: tuple[int, int, int], classes: int) -> Net:
        """Build the network with parameters on the meta device, which have no values.

        Raises:
            UsageError: as for `build`.
        """
        with torch.device("meta"):
            return self.build(shape, classes)

    def initial(
        self, blueprint: Net, shape: tuple[int, int, int], classes: int, generator: torch.Generator
    ) -> Float[Tensor, " p"]:
        """Draw initial values of all parameters, in the order of the blueprint's `named_parameters`."""
        return default_init(blueprint, generator)


def _text(value: object) -> str:
    """A setting's value as `parse_net` reads it: a text that is not a bare word is quoted."""
    if isinstance(value, str) and not (BARE.fullmatch(value) and parse_value(value, "net") == value):
        return json.dumps(value, ensure_ascii=False)
    return str(value).lower() if isinstance(value, bool) else str(value)
