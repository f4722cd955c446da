"""A network as a pure function of one flat parameter vector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ddkit.errors import UsageError
from ddkit.nets.body import Body, Stats, batch_norms
from ddkit.nets.net import NetSettings

MOST_PARAMETERS = 2**31
"""Largest number of parameters of a network: 8 GiB in float32, and training needs several times as much."""

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
        spec: canonical text of the settings, which `parse_net` reads.

    Raises:
        UsageError: the images are too small for the network, or it has more parameters than `MOST_PARAMETERS`.
    """

    def __init__(self, settings: NetSettings, shape: tuple[int, int, int], classes: int) -> None:
        self._module = settings.blueprint(shape, classes)
        self.settings = settings
        self.shape = shape
        self.classes = classes
        self.spec = settings.spec
        named = dict(self._module.named_parameters())
        self._names = list(named)
        self._shapes = [parameter.shape for parameter in named.values()]
        self._sizes = [parameter.numel() for parameter in named.values()]
        self.parameters = sum(self._sizes)
        if self.parameters > MOST_PARAMETERS:
            raise UsageError(
                f"net {self.spec}: has {self.parameters:,} parameters on images of {shape}; {MOST_PARAMETERS:,} are "
                "the most; make it smaller"
            )
        self._batch_norms = batch_norms(self._module)
        self._idle: list[Body] = []

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
        self, theta: Float[Tensor, " p"], x: Float[Tensor, "b c h w"], stats: Stats, share: float | None = None
    ) -> Float[Tensor, "b k"]:
        """Compute the logits with batch statistics, and move `stats` towards these by `share` in place.

        `share` is PyTorch's momentum. None: that of each layer, which is 0.1 in ddkit's networks.
        """
        return self._run(theta, x, stats, training=True, share=share)

    def init(self, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> Float[Tensor, " p"]:
        """Draw theta by PyTorch's default initialisation, or that of foreign code. One seed gives the same network in
        every dtype."""
        return self.settings.initial(self._module, self.shape, self.classes, generator).to(dtype)

    @cached_property
    def activations(self) -> int:
        """How many numbers its layers put out for one image, all together: what training keeps until it goes back."""
        return self._module.activations(self.shape)

    @cached_property
    def head_size(self) -> int:
        """Number of parameters of the classifier, the last ones of theta.

        Raises:
            UsageError: the last layer is not linear, or the logits are not proportional to its parameters.
        """
        return sum(parameter.numel() for parameter in self._module.logit_parameters)

    @property
    def stackable(self) -> bool:
        """Whether several networks run faster at once, by vmap. Foreign code may not run under vmap."""
        return not self.settings.foreign

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a user of the network should know, one sentence each."""
        return (*self.settings.remarks, *self._module.remarks)

    @property
    def has_stats(self) -> bool:
        """Whether the network has batch norm."""
        return bool(self._batch_norms)

    @property
    def has_group_norm(self) -> bool:
        """Whether a layer of the network is a GroupNorm. The instance norm of ddkit's networks is one."""
        return any(isinstance(module, nn.GroupNorm) for module in self._module.modules())

    def batch_stats(self, theta: Float[Tensor, " p"], x: Float[Tensor, "b c h w"]) -> Stats:
        """Compute the statistics of a batch, for later calls with these statistics."""
        stats = self.init_stats(theta)
        with torch.no_grad():
            self.train(theta, x, stats, share=1.0)
        return stats

    def move_stats(self, stats: Stats, batch: Sequence[tuple[Tensor, Tensor]]) -> None:
        """Move `stats` in place towards the mean and unbiased variance of each batch norm's input, as `train` does."""
        for (name, module), moments in zip(self._batch_norms.items(), batch, strict=True):
            assert module.momentum is not None  # `examine` refuses it
            for kind, value in zip(("running_mean", "running_var"), moments, strict=True):
                stats[f"{name}.{kind}"].lerp_(value, module.momentum)

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
            axes = (1, *range(3, parts.dim()))
            seen[name] = parts.mean(axes), parts.var(axes, correction=0)

        return self._run(theta, x, stats, look=look), seen

    def init_stats(self, like: Tensor) -> Stats:
        """Initial running statistics with the dtype and device of `like`: mean 0, variance 1. Those of foreign code are
        its module's own, which belong to the weights if these were trained elsewhere."""
        stats = {}
        for name, module in self._batch_norms.items():
            for kind, value in (("running_mean", 0.0), ("running_var", 1.0)):
                own = getattr(module, kind)  # a blueprint on the meta device has no values
                stats[f"{name}.{kind}"] = like.new_full(own.shape, value) if own.is_meta else own.to(like, copy=True)
        return stats

    def unflatten(self, theta: Float[Tensor, "*n p"]) -> dict[str, Tensor]:
        """Return name -> parameter, each a view of theta. Those of n networks begin with the axis n."""
        return dict(zip(self._names, self._views(theta), strict=True))

    def _views(self, theta: Tensor) -> list[Tensor]:
        # One split, because its backward is one concatenation. Slices would each pad their gradient to theta's length.
        pieces, n = theta.split_with_sizes(self._sizes, -1), theta.shape[:-1]
        return [v if len(shape) == 1 else v.view(n + shape) for v, shape in zip(pieces, self._shapes, strict=True)]

    def _run(
        self,
        theta: Tensor,
        x: Tensor,
        stats: Stats | None,
        *,
        features: bool = False,
        training: bool = False,
        share: float | None = None,
        look: Callable[[str, Tensor], None] | None = None,
    ) -> Tensor:
        """Run a body that no other call is using: an idle one, or a new one.

        Args:
            training: whether running statistics move towards batch statistics.
            share: by how much they move; None: by each layer's momentum.
            look: a function that is called with the name and the input of each batch norm.
        """
        try:
            body = self._idle.pop()  # atomic in Python, so no two threads get the same body
        except IndexError:
            body = Body(self._module)
        try:
            return body.run(self._views(theta), x, stats, features, training, share, look)
        finally:
            body.empty()  # so that no autograd graph stays alive
            self._idle.append(body)
