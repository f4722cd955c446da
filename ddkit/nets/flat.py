"""A network as a pure function of one flat parameter vector."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cached_property
from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from ddkit.errors import UsageError
from ddkit.nets.init import default_init
from ddkit.nets.net import Net, NetSettings
from ddkit.nets.spec import net_spec

MOST_PARAMETERS = 2**31
"""Largest number of parameters of a network: 8 GiB in float32, and training needs several times as much."""

Stats = dict[str, Tensor]

Moments = dict[str, tuple[Tensor, Tensor]]
"""Name of a batch norm -> mean and variance of its input."""


@final
class FlatNet:
    """A network without state. Its parameters are one vector `theta`, laid out as `module.named_parameters()`.

    Several threads may call it at once, and a call may run inside another.

    Pure calls compose with autograd to any order, with `torch.func` transforms, and with vmap over stacked theta,
    images and statistics. Networks with batch norm can run in three ways:

        net(theta, x)               with batch statistics, which are not stored: the unrolled inner loop
        net.train(theta, x, stats)  with batch statistics; updates the running statistics in `stats` in place
        net(theta, x, stats)        with running statistics: evaluation

    Other networks have no statistics: `init_stats` returns an empty dict, and the three calls are the same.

    Example:
        >>> net = FlatNet(parse_net("convnet(depth=2, width=32)"), (1, 8, 8), 10)
        >>> theta = net.init(stream(0, "expert", 3))
        >>> logits = net(theta, images)

    Attributes:
        settings, shape, classes: the constructor's arguments; shape = (channels, height, width).
        parameters: length of theta.
        head_size: number of parameters of the classifier, the last ones of theta.
        spec: canonical text of the settings, which `parse_net` reads.

    Raises:
        UsageError: the images are too small for the network, or it has more parameters than `MOST_PARAMETERS`.
    """

    def __init__(self, settings: NetSettings, shape: tuple[int, int, int], classes: int) -> None:
        with torch.device("meta"):
            self._module = settings.build(shape, classes)
        self.settings = settings
        self.shape = shape
        self.classes = classes
        self.spec = net_spec(settings)
        named = dict(self._module.named_parameters())
        self._names = list(named)
        self._shapes = [parameter.shape for parameter in named.values()]
        self._sizes = [parameter.numel() for parameter in named.values()]
        self.parameters = sum(self._sizes)
        self.head_size = sum(parameter.numel() for parameter in self._module.head.parameters())
        if self.parameters > MOST_PARAMETERS:
            raise UsageError(
                f"net {self.spec}: has {self.parameters:,} parameters on images of {shape}; {MOST_PARAMETERS:,} are "
                "the most; make it smaller"
            )
        self._batch_norms = {n: m for n, m in self._module.named_modules() if isinstance(m, nn.BatchNorm2d)}
        self._idle: list[_Body] = []

    def __repr__(self) -> str:
        return f"FlatNet({self.spec}, shape={self.shape}, classes={self.classes}, parameters={self.parameters})"

    def __reduce__(self) -> tuple[Any, ...]:
        return FlatNet, (self.settings, self.shape, self.classes)

    def __call__(
        self, theta: Float[Tensor, " p"], x: Float[Tensor, "b c h w"], stats: Stats | None = None
    ) -> Float[Tensor, "b k"]:
        """Compute the logits with the statistics `stats`, or with batch statistics if they are None."""
        return self._run(theta, x, stats)

    def features(
        self, theta: Float[Tensor, " p"], x: Float[Tensor, "b c h w"], stats: Stats | None = None
    ) -> Float[Tensor, "b f"]:
        """Compute the flattened penultimate features, with the same statistics as in a call."""
        return self._run(theta, x, stats, features=True)

    def train(
        self, theta: Float[Tensor, " p"], x: Float[Tensor, "b c h w"], stats: Stats, share: float = 0.1
    ) -> Float[Tensor, "b k"]:
        """Compute the logits with batch statistics, and move `stats` towards these by `share` in place.

        `share` is PyTorch's momentum.
        """
        return self._run(theta, x, stats, share=share)

    def init(self, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> Float[Tensor, " p"]:
        """Draw theta by PyTorch's default initialisation. One seed gives the same network in every dtype."""
        return default_init(self._module, generator).to(dtype)

    @cached_property
    def activations(self) -> int:
        """How many numbers its layers put out for one image, all together: what training keeps until it goes back."""
        counts: list[int] = []
        module = copy.deepcopy(self._module)
        for layer in module.modules():
            if not list(layer.children()):
                layer.register_forward_hook(lambda layer, inputs, output: counts.append(output.numel()))
        module(torch.empty(2, *self.shape, device="meta"))  # batch norm asks for two
        return sum(counts) // 2

    @property
    def has_stats(self) -> bool:
        """Whether the network has batch norm."""
        return bool(self._batch_norms)

    def batch_stats(self, theta: Float[Tensor, " p"], x: Float[Tensor, "b c h w"]) -> Stats:
        """Compute the statistics of a batch, for later calls with these statistics."""
        stats = self.init_stats(theta)
        with torch.no_grad():
            self.train(theta, x, stats, share=1.0)
        return stats

    def moments(
        self, theta: Float[Tensor, " p"], x: Float[Tensor, "b c h w"], stats: Stats, groups: int = 1
    ) -> tuple[Float[Tensor, "b k"], Moments]:
        """Compute the logits with running statistics, and the moments of each batch norm's input.

        The batch consists of `groups` equal parts, one after another, which have separate moments. The moments of a
        batch norm are mean and (biased) variance of its input, both [groups, channels]. The dict has the batch norms
        in the order in which they ran. Everything is differentiable.
        """
        seen: Moments = {}

        def look(name: str, x: Tensor) -> None:
            x = x.float() if x.dtype == torch.bfloat16 else x  # under autocast
            parts = x.unflatten(0, (groups, -1))
            seen[name] = parts.mean((1, 3, 4)), parts.var((1, 3, 4), correction=0)

        return self._run(theta, x, stats, look=look), seen

    def init_stats(self, like: Tensor) -> Stats:
        """Initial running statistics with the dtype and device of `like`: mean 0, variance 1."""
        stats = {}
        for name, module in self._batch_norms.items():
            stats[f"{name}.running_mean"] = like.new_zeros(module.num_features)
            stats[f"{name}.running_var"] = like.new_ones(module.num_features)
        return stats

    def unflatten(self, theta: Float[Tensor, " p"]) -> dict[str, Tensor]:
        """Return name -> parameter, each a view of theta."""
        return dict(zip(self._names, self._views(theta), strict=True))

    def _views(self, theta: Tensor) -> list[Tensor]:
        # One split, because its backward is one concatenation. Slices would each pad their gradient to theta's length.
        pieces = theta.split(self._sizes)
        return [v if len(shape) == 1 else v.view(shape) for v, shape in zip(pieces, self._shapes, strict=True)]

    def _run(
        self,
        theta: Tensor,
        x: Tensor,
        stats: Stats | None,
        *,
        features: bool = False,
        share: float | None = None,
        look: Callable[[str, Tensor], None] | None = None,
    ) -> Tensor:
        """Run a body that no other call is using: an idle one, or a new one.

        Args:
            share: by how much running statistics move towards batch statistics in training; None: they stay.
            look: a function that is called with the name and the input of each batch norm.
        """
        try:
            body = self._idle.pop()  # atomic in Python, so no two threads get the same body
        except IndexError:
            body = _Body(self._module)
        try:
            return body.run(self._views(theta), x, stats, features, share, look)
        finally:
            body.empty()  # so that no autograd graph stays alive
            self._idle.append(body)


class _Body:
    """One copy of a network's modules. Between calls it has no parameters."""

    def __init__(self, blueprint: Net) -> None:
        self._module = copy.deepcopy(blueprint)
        # The slots that a call fills, and their content between calls. torch.func.functional_call does the same but
        # searches for the slots at each call, which costs a third more time on small networks.
        self._slots: list[tuple[dict[str, Any], str, nn.Parameter]] = [
            (module._parameters, key, parameter)
            for module in self._module.modules()
            for key, parameter in module.named_parameters(recurse=False)
        ]
        self._batch_norms = {n: m for n, m in self._module.named_modules() if isinstance(m, nn.BatchNorm2d)}
        for module in self._batch_norms.values():
            module.running_mean = module.running_var = module.num_batches_tracked = None

    def run(
        self,
        parameters: list[Tensor],
        x: Tensor,
        stats: Stats | None,
        features: bool,
        share: float | None,
        look: Callable[[str, Tensor], None] | None,
    ) -> Tensor:
        """See `FlatNet._run`."""
        for (place, key, _), view in zip(self._slots, parameters, strict=True):
            place[key] = view
        for name, module in self._batch_norms.items():
            module.training, module.momentum = share is not None, share
            if stats is not None:
                module.running_mean = stats[f"{name}.running_mean"]
                module.running_var = stats[f"{name}.running_var"]
        handles = [] if look is None else [self._watch(*named, look) for named in self._batch_norms.items()]
        try:
            return self._module.features(x) if features else self._module(x)
        finally:
            for handle in handles:
                handle.remove()

    @staticmethod
    def _watch(name: str, module: nn.Module, look: Callable[[str, Tensor], None]) -> RemovableHandle:
        return module.register_forward_pre_hook(lambda _, inputs: look(name, inputs[0]))

    def empty(self) -> None:
        """Drop all references to the last call's tensors."""
        for place, key, empty in self._slots:
            place[key] = empty
        for module in self._batch_norms.values():
            module.running_mean = module.running_var = None
