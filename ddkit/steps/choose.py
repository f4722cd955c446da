"""Which step a network gets."""

from collections.abc import Hashable
from functools import lru_cache
from typing import Any, cast

import torch
from torch import Tensor

from ddkit.nets import ConvNetSettings, FlatNet
from ddkit.steps.autograd import AutogradStep
from ddkit.steps.blocks import NativeBlocks
from ddkit.steps.conv import Convolution, LibraryConvolution, choose_convolution
from ddkit.steps.convnet import ConvNetStep
from ddkit.steps.formulas import FormulaBlocks
from ddkit.steps.native import MAPS, kernels
from ddkit.steps.step import Network, Step

CHUNK = {"cpu": 8 * 2**20, "cuda": 256 * 2**20}
"""Bytes of a chunk's largest map. On a CPU larger maps leave the cache, and past 32 MiB malloc gives them back to the
system, so that each new one is paid for in page faults; on CUDA it bounds the memory."""


def step_for(net: Network, theta: Tensor, precision: str = "float32") -> Step:
    """The fastest step there is for this network on the device and in the dtype of `theta`.

    Fused: ConvNets with instance norm, ReLU and average pooling; on a CPU with kernels in C, which need a C compiler
    (without one: a warning, and autograd), on CUDA with formulas that torch.compile fuses. All other networks go
    through autograd. With precision "bfloat16" the maps between the layers, the convolutions and their products are
    bfloat16; parameters, gradients, the head and all sums keep theta's dtype. TF32 is a state of the device, see
    `convolution_precision`.
    """
    maps = torch.bfloat16 if precision == "bfloat16" else theta.dtype
    return _step(cast(Hashable, net), theta.device.type, maps)


@lru_cache(maxsize=16)
def _step(net: Any, device: str, maps: torch.dtype) -> Step:
    if isinstance(net, FlatNet) and isinstance(net.settings, ConvNetSettings):
        shapes = net.settings.common_blocks(net.shape)
        if shapes is not None and device == "cuda":
            plain: list[Convolution] = [LibraryConvolution(shape) for shape in shapes]
            return ConvNetStep(net, shapes, maps, FormulaBlocks(fuse=True), plain, CHUNK[device])
        if shapes is not None and device == "cpu" and maps in MAPS and (compiled := kernels(maps)) is not None:
            fitting = [choose_convolution(shape, compiled) for shape in shapes]
            return ConvNetStep(net, shapes, maps, NativeBlocks(compiled), fitting, CHUNK[device])
    return AutogradStep(net, maps)
