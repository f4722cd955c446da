"""Networks whose code is not ddkit's: the user's own, timm's and torchvision's, as they are.

`ForeignSettings.make` builds the ordinary module. `ForeignNet` gives it the contract of `Net`. A module is examined on
two images before it is used; see `ddkit.nets.examine`.

    initial values   those of the module's own code. It runs again for each network, while the global generators have a
                     seed from the explicit one.
    batch norm       as in ddkit's networks, see `FlatNet`; each layer keeps its own momentum, and its running
                     statistics begin at the module's own values.
    dropout          off, and stochastic depth too, because FlatNet is a function: equal inputs give equal outputs.
    frozen values    parameters that need no gradient, and buffers, stay as they are.
    tied weights     are one parameter.
    the classifier   the linear layer that gives the logits. Its input is the features, and its parameters are the last.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from pkgutil import resolve_name
from typing import Any

import torch
from torch import Tensor, nn

from ddkit.errors import UsageError, reason
from ddkit.nets.attention import TwiceDifferentiable
from ddkit.nets.examine import Findings, examine
from ddkit.nets.net import Net, NetSettings
from ddkit.randomness import global_draws_from


class ForeignNet(Net):
    """An ordinary module with the contract of `Net`."""

    def __init__(self, module: nn.Module, findings: Findings, spec: str) -> None:
        nn.Module.__init__(self)
        self.module = module
        self.findings, self.spec = findings, spec

    @property
    def classifier(self) -> nn.Module:
        """The linear layer that gives the logits.

        Raises:
            UsageError: the last layer is none.
        """
        if self.findings.head is None:
            raise UsageError(
                f"net {self.spec}: its logits are not the output of a linear layer, so it has no features before the "
                "classifier, which this work needs; end the network with torch.nn.Linear"
            )
        return self.module.get_submodule(self.findings.head)

    @property
    def logit_parameters(self) -> list[nn.Parameter]:
        parameters = list(self.classifier.parameters())
        if not self.findings.scales:
            raise UsageError(
                f"net {self.spec}: its logits are not proportional to the parameters of its last linear layer, so a "
                "temperature cannot be applied; end the network with torch.nn.Linear, or use temperature 1"
            )
        return parameters

    @property
    def remarks(self) -> tuple[str, ...]:
        return self.findings.remarks

    def activations(self, shape: tuple[int, int, int]) -> int:
        return self.findings.activations

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, nn.Parameter]]:
        """Yield the parameters in the module's order, but those of the classifier last."""
        named = list(super().named_parameters(prefix, recurse, remove_duplicate))
        head = f"module.{self.findings.head}."
        yield from sorted(named, key=lambda one: one[0].startswith(head))  # stable

    def features(self, x: Tensor) -> Tensor:
        """Compute the input of the classifier."""
        seen: list[Tensor] = []
        handle = self.classifier.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        try:
            self(x)
        finally:
            handle.remove()
        return seen[-1].flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the logits. The images stay as they are.

        Raises:
            UsageError: the module raises.
        """
        try:
            with self._attention():
                logits: Tensor = self.module(x.clone() if self.findings.writes else x)
        except (UsageError, MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:  # the code is not ours: it may raise anything
            raise UsageError(
                f"net {self.spec}: fails on a batch of shape {tuple(x.shape)} ({type(error).__name__}: {reason(error)})"
            ) from error
        return logits

    def _attention(self) -> AbstractContextManager[Any]:
        """Attention that can be differentiated twice, where that may be needed. It is slower than PyTorch's own."""
        twice = self.findings.attends and torch.is_grad_enabled() and not self.training
        return TwiceDifferentiable() if twice else nullcontext()


@dataclass(frozen=True, kw_only=True, repr=False)
class ForeignSettings(NetSettings):
    """Settings of a network whose code is not ddkit's. A child has `make`."""

    def __repr__(self) -> str:
        return self.spec

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self.spec,)  # since the class may have been made from the user's function

    @property
    def foreign(self) -> bool:
        return True

    @abstractmethod
    def make(self, shape: tuple[int, int, int], classes: int) -> Any:
        """Build the module on the CPU for images of `shape` = (channels, height, width), with its initial values.

        `examine` refuses what is no torch.nn.Module. The code may draw from the global generators.

        Raises:
            UsageError: the network does not fit the images.
        """

    def build(self, shape: tuple[int, int, int], classes: int) -> Net:
        """Build the network with initial values on the CPU.

        Raises:
            UsageError: the network does not fit the images, or has a part that ddkit cannot train.
        """
        module, findings = examine(self._maker(shape, classes), shape, classes, self.spec)
        return ForeignNet(module, findings, self.spec)

    def blueprint(self, shape: tuple[int, int, int], classes: int) -> Net:
        return _blueprint(self, shape, classes)

    def initial(self, blueprint: Net, shape: tuple[int, int, int], classes: int, generator: torch.Generator) -> Tensor:
        own = dict(self._maker(shape, classes)(generator).named_parameters())
        names = [name.removeprefix("module.") for name, _ in blueprint.named_parameters()]
        if missing := [name for name in names if name not in own]:
            raise UsageError(
                f"net {self.spec}: has no parameter '{missing[0]}' any more; build the same network always"
            )
        return torch.cat([own[name].detach().flatten() for name in names])

    def _maker(self, shape: tuple[int, int, int], classes: int) -> Callable[[torch.Generator], Any]:
        def make(generator: torch.Generator) -> Any:
            with global_draws_from(generator):
                return self.make(shape, classes)

        return make


def _restored(spec: str) -> NetSettings:
    """The settings of a spec. By name, since the module of `parse_net` knows all networks, those of this module too."""
    found: NetSettings = resolve_name("ddkit.nets.spec:parse_net")(spec)
    return found


@lru_cache(maxsize=16)
def _blueprint(settings: ForeignSettings, shape: tuple[int, int, int], classes: int) -> Net:
    """The network without values of its parameters. Buffers keep theirs, since no vector holds them."""
    net = settings.build(shape, classes)
    empty: dict[nn.Parameter, nn.Parameter] = {}
    for module in net.modules():
        for key, parameter in module.named_parameters(recurse=False):
            if parameter not in empty:
                empty[parameter] = nn.Parameter(torch.empty_like(parameter, device="meta"))
            module._parameters[key] = empty[parameter]
    return net
