"""The functions of blocks.c and tangents.c on tensors: norm, ReLU and 2x2 average pooling, and their derivatives."""

from collections.abc import Callable
from typing import Any, Protocol, final, runtime_checkable

from torch import Tensor

from ddkit.steps.norm import INSTANCE, Norm


@runtime_checkable
class BlockKernels(Protocol):
    """Kernels in C (`ddkit.steps.native.Kernels`) or in Triton (`TritonKernels`), of as many networks at once."""

    networks: int

    def stacked(self, networks: int) -> "BlockKernels | None":
        """Return the kernels for several networks; None: there are none."""
        ...

    def total(self, sums: Tensor) -> Tensor:
        """Sum over the images of each network."""
        ...

    def __call__(self, name: str, like: Tensor, *arguments: Tensor | int) -> None:
        """Run kernel `name` on maps with the shape of `like`."""
        ...


@runtime_checkable
class Blocks(Protocol):
    """Four functions of maps [B, H, W, C] and parameters [C]: kernels in C (CPU) or Triton (CUDA), or formulas.

    `stats` is (mean, rstd) and `stats_t` is (mean of zt, mean of h zt), all [B, C] with every norm.
    """

    def stacked(self, networks: int) -> "Blocks | None":
        """Return the functions for several networks: of maps [networks * B, H, W, C] and parameters [networks, C].

        None: there are none. Those in C have no tangents.
        """
        ...

    @property
    def forward(self) -> Callable[..., Any]:
        """(z, gamma, beta) -> p, stats"""
        ...

    @property
    def backward(self) -> Callable[..., Any]:
        """(z, gp, gamma, beta, stats) -> d / d z, d / d beta, d / d gamma"""
        ...

    @property
    def forward_tangent(self) -> Callable[..., Any]:
        """(z, zt, gamma, beta, gamma_t, beta_t, stats) -> the tangent of p, stats_t"""
        ...

    @property
    def backward_tangent(self) -> Callable[..., Any]:
        """(z, zt, gp, gpt, gamma, beta, gamma_t, stats, stats_t) -> d / d z and the tangents of backward's results"""
        ...


@final
class NativeBlocks:
    """The functions of blocks.c, which explains the notation, and of tangents.c."""

    def __init__(self, kernels: BlockKernels, norm: Norm = INSTANCE) -> None:
        self._kernels, self._norm = kernels, norm

    def stacked(self, networks: int) -> "NativeBlocks | None":
        kernels = None if self._norm.keeps_bias else self._kernels.stacked(networks)
        return None if kernels is None else NativeBlocks(kernels, self._norm)

    def forward(self, z: Tensor, gamma: Tensor, beta: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        p, stats = _pooled(z), _stats(z, gamma)
        self._run("forward", z, z, gamma, beta, p, *stats)
        return p, stats

    def backward(
        self, z: Tensor, gp: Tensor, gamma: Tensor, beta: Tensor, stats: tuple[Tensor, ...]
    ) -> tuple[Tensor, Tensor, Tensor]:
        gz, sums = z.new_empty(z.shape), gamma.new_empty(z.shape[0], 2, z.shape[3])
        self._run("backward", z, z, gp, gamma, beta, *stats, _means(2, z, gamma), gz, sums)
        total = self._kernels.total(sums)
        return gz, total.select(-2, 0), total.select(-2, 1)

    def forward_tangent(
        self,
        z: Tensor,
        zt: Tensor,
        gamma: Tensor,
        beta: Tensor,
        gamma_t: Tensor,
        beta_t: Tensor,
        stats: tuple[Tensor, ...],
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        pt, stats_t = _pooled(z), _stats(z, gamma)
        self._run("forward_tangent", z, z, zt, gamma, beta, gamma_t, beta_t, *stats, pt, *stats_t)
        return pt, stats_t

    def backward_tangent(
        self,
        z: Tensor,
        zt: Tensor,
        gp: Tensor,
        gpt: Tensor,
        gamma: Tensor,
        beta: Tensor,
        gamma_t: Tensor,
        stats: tuple[Tensor, ...],
        stats_t: tuple[Tensor, ...],
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        gz, gzt, sums = z.new_empty(z.shape), z.new_empty(z.shape), gamma.new_empty(z.shape[0], 2, z.shape[3])
        means = _means(4, z, gamma)
        self._run("backward_tangent", z, z, zt, gp, gpt, gamma, beta, gamma_t, *stats, *stats_t, means, gz, gzt, sums)
        total = sums.sum(0)
        return gz, gzt, total[0], total[1]

    def _run(self, name: str, z: Tensor, *tensors: Tensor) -> None:
        images = self._norm.images(z.shape[0] // self._kernels.networks)
        self._kernels(name, z, images, self._norm.together, *tensors)


def _pooled(z: Tensor) -> Tensor:
    b, h, w, c = z.shape
    return z.new_empty(b, h // 2, w // 2, c)


def _stats(z: Tensor, gamma: Tensor) -> tuple[Tensor, ...]:
    return gamma.new_empty(z.shape[0], z.shape[3]), gamma.new_empty(z.shape[0], z.shape[3])


def _means(count: int, z: Tensor, gamma: Tensor) -> Tensor:
    return gamma.new_empty(count, z.shape[0], z.shape[3])
