"""Launches the Triton kernels on tensors. Importing Triton is slow, and only the CUDA path imports this module."""

from typing import Any, final

import torch
import triton
from torch import Tensor

from ddkit.steps.extents import KERNELS, MEANS
from ddkit.steps.precision import real_of
from ddkit.steps.triton_kernels import backward, backward_tangent, forward, forward_tangent

PROGRAMS: dict[str, Any] = {
    "forward": forward,
    "backward": backward,
    "forward_tangent": forward_tangent,
    "backward_tangent": backward_tangent,
}

BLOCK = 32 * 2**10
"""Bytes of a program's block of a map, in the type of sums. Eight warps hold it in 32 registers a thread. Then the
kernel with the most blocks, `backward_tangent`, fits into the registers in float32 and bfloat16."""

WIDEST = 32
"""Most channels of a program. On small maps more channels would leave fewer programs than the device has processors."""


@final
class TritonKernels:
    """The kernels of blocks.c and tangents.c for instance norm and one type of maps. Tensors are contiguous, channels
    last [B, H, W, C] and on CUDA.

    It takes the place of `ddkit.steps.native.Kernels` in `NativeBlocks`.
    """

    networks = 1

    def __init__(self, maps: torch.dtype) -> None:
        self._maps = maps

    def fits(self, z: Tensor) -> bool:
        """Whether a channel of a map fits into a program's block: up to 90 x 90 pixels in float32."""
        return 4 * _windows(z) * real_of(self._maps).itemsize <= BLOCK

    def stacked(self, networks: int) -> None:
        return None

    def total(self, sums: Tensor) -> Tensor:
        return sums.sum(0)

    def __call__(self, name: str, like: Tensor, *arguments: Tensor | int) -> None:
        """Run kernel `name` on maps with the shape of `like`. The arguments are those in C, in the same order.

        Raises:
            ValueError: the norm is not instance norm, or a tensor has another type, size, layout or device than the
                kernel reads or writes.
        """
        if arguments[:2] != (1, 1):
            raise ValueError(f"kernel '{name}' in Triton has statistics of one image and channel, got {arguments[:2]}")
        tensors = KERNELS[name].checked(name, like, arguments, self._maps)
        used = [tensor for tensor, kind in zip(tensors, KERNELS[name].tensors, strict=True) if kind not in MEANS]
        batch, height, width, channels = like.shape
        size = block(like, real_of(self._maps))
        programs = batch * triton.cdiv(channels, size["TILE"])
        with torch.cuda.device_of(like):  # Triton launches on the current device
            PROGRAMS[name][(programs,)](*used, H=height, W=width, C=channels, **size)


def block(z: Tensor, real: torch.dtype) -> dict[str, int]:
    """Return the size of a program's block for maps like `z`, and the number of its warps."""
    windows = _windows(z)
    most = max(1, BLOCK // (4 * windows * real.itemsize))
    tile = min(triton.next_power_of_2(z.shape[3]), WIDEST, most)
    return {"WINDOWS": windows, "TILE": tile, "num_warps": max(1, min(8, 4 * windows * tile // 512))}


def _windows(z: Tensor) -> int:
    """The windows of a map, the half ones at the edges included, rounded up to a power of 2."""
    windows: int = triton.next_power_of_2(-(-z.shape[1] // 2) * -(-z.shape[2] // 2))
    return windows
