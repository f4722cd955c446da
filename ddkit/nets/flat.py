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
"""Of a network: 8 GiB in float32, of which training takes several."""

Stats = dict[str, Tensor]

Moments = dict[str, tuple[Tensor, Tensor]]
"""Name of a batch norm -> mean and variance of its input."""


@final
class FlatNet:
    """A network without state: the parameters are one vector `theta`, laid out as in `module.named_parameters()`.

    Several threads may call it at once, and a call may run inside another.

    Pure calls compose with autograd to any order, with `torch.func` transforms, and with vmap over stacked theta,
    images and statistics. For networks with batch norm there are three ways to run:

        net(theta, x)               batch statistics, nothing remembered: the unrolled inner loop
        net.train(theta, x, stats)  batch statistics; moves the running statistics in `stats`, in place
        net(theta, x, stats)        running statistics: evaluation

    All other networks have no statistics: `init_stats` gives an empty dict, and the three are the same.

    Example:
        >>> net = FlatNet(parse_net("convnet(depth=2, width=32)"), (1, 8, 8), 10)
        >>> theta = net.init(stream(0, "expert", 3))
        >>> logits = net(theta, images)

    Attributes:
        settings, shape, classes: what the network was made from; shape = (channels, height, width).
        parameters: length of theta.
        head_size: how many of them, the last ones, are the classifier's.
        spec: canonical text of the settings; `parse_net` reads it back.

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
        """The logits, under batch statistics or, where `stats` are given, under these."""
        return self._run(theta, x, stats)

    def features(
        self, theta: Float[Tensor, " p"], x: Float[Tensor, "b c h w"], stats: Stats | None = None
    ) -> Float[Tensor, "b f"]:
        """The flattened penultimate features, under the same statistics as in a call."""
        return self._run(theta, x, stats, features=True)

    def train(
        self, theta: Float[Tensor, " p"], x: Float[Tensor, "b c h w"], stats: Stats, share: float = 0.1
    ) -> Float[Tensor, "b k"]:
        """The logits under batch statistics, of which `stats` takes up a `share`, in place (PyTorch's momentum)."""
        return self._run(theta, x, stats, share=share)

    def init(self, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> Float[Tensor, " p"]:
        """A fresh theta from PyTorch's default initialisation; one seed gives the same network in every dtype."""
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
        """Whether it has batch norm."""
        return bool(self._batch_norms)

    def batch_stats(self, theta: Float[Tensor, " p"], x: Float[Tensor, "b c h w"]) -> Stats:
        """The statistics of a batch, to run the network under them."""
        stats = self.init_stats(theta)
        with torch.no_grad():
            self.train(theta, x, stats, share=1.0)
        return stats

    def moments(
        self, theta: Float[Tensor, " p"], x: Float[Tensor, "b c h w"], stats: Stats, groups: int = 1
    ) -> tuple[Float[Tensor, "b k"], Moments]:
        """The logits under running statistics, and what each batch norm's input had for moments on the way.

        The batch is `groups` equal parts, one after the other, each with moments of its own: for the name of each batch
        norm that ran, in the order in which they ran, mean and (biased) variance of its input, both [groups, channels].
        All of it is differentiable.
        """
        seen: Moments = {}

        def look(name: str, x: Tensor) -> None:
            x = x.float() if x.dtype == torch.bfloat16 else x  # under autocast
            parts = x.unflatten(0, (groups, -1))
            seen[name] = parts.mean((1, 3, 4)), parts.var((1, 3, 4), correction=0)

        return self._run(theta, x, stats, look=look), seen

    def init_stats(self, like: Tensor) -> Stats:
        """Fresh running statistics with the dtype and device of `like`: mean 0, variance 1; to stack for vmap."""
        stats = {}
        for name, module in self._batch_norms.items():
            stats[f"{name}.running_mean"] = like.new_zeros(module.num_features)
            stats[f"{name}.running_var"] = like.new_ones(module.num_features)
        return stats

    def unflatten(self, theta: Float[Tensor, " p"]) -> dict[str, Tensor]:
        """Each parameter under its name, as a view of theta."""
        return dict(zip(self._names, self._views(theta), strict=True))

    def _views(self, theta: Tensor) -> list[Tensor]:
        # One split, whose backward is one concatenation; slices would each pad their gradient to the length of theta.
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
        """A call has a body to itself: the last that a call gave back, or a new one.

        `share` is what running statistics take up of a batch in training (None: they stay), `look` what is shown each
        batch norm's name and input.
        """
        try:
            body = self._idle.pop()  # one step for Python: no two threads get the same
        except IndexError:
            body = _Body(self._module)
        try:
            return body.run(self._views(theta), x, stats, features, share, look)
        finally:
            body.empty()  # keep no graph alive
            self._idle.append(body)


class _Body:
    """One copy of a network's modules, without parameters between the calls."""

    def __init__(self, blueprint: Net) -> None:
        self._module = copy.deepcopy(blueprint)
        # The places that a call fills, and what they hold between calls. torch.func.functional_call does the same but
        # looks the places up anew each time: 320 us a call instead of 240 on a ConvNet for digits (depth 2, width 8,
        # batch 10, one CPU thread, torch 2.14), where the bare operations take 200.
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
        """Let go of all that the last call was given."""
        for place, key, empty in self._slots:
            place[key] = empty
        for module in self._batch_norms.values():
            module.running_mean = module.running_var = None
