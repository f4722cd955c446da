"""Chooses the step for a network."""

from collections.abc import Hashable
from functools import lru_cache
from importlib.util import find_spec
from typing import Any, cast

import torch
from torch import Tensor

from ddkit.nets import ConvNetSettings, FlatNet, NetSettings
from ddkit.steps.autograd import AutogradStep
from ddkit.steps.blocks import Blocks, NativeBlocks
from ddkit.steps.conv import LibraryConvolution, choose_convolution
from ddkit.steps.convnet import ConvNetStep
from ddkit.steps.formulas import FormulaBlocks
from ddkit.steps.measured import MeasuredBlocks
from ddkit.steps.native import MAPS, kernels, kernels_ahead
from ddkit.steps.norm import INSTANCE, Norm, norm_of
from ddkit.steps.slower import warn_slower
from ddkit.steps.step import Network, Step

CHUNK = {"cpu": 8 * 2**20, "cuda": 256 * 2**20}
"""Bytes of a chunk's largest map. On a CPU larger maps do not fit into the cache, and from 32 MiB on malloc returns
them to the system, so that each new one costs page faults. On CUDA it limits the memory."""


def step_for(net: Network, theta: Tensor, precision: str = "float32", once: bool = False) -> Step:
    """Return the fastest step for this network on the device and in the dtype of `theta`.

    ConvNets with ReLU and average pooling have a fused step, unless their norm is "layer". On a CPU it uses kernels in
    C, which need a C compiler; without one there is a warning, and autograd is used. On CUDA it uses formulas that
    torch.compile fuses or, if they are faster for a kind of map, Triton kernels for instance norm (`MeasuredBlocks`).
    All other networks use autograd.

    With `once`, autograd builds no graph for a gradient that keeps no tape, which is faster. Such a gradient may differ
    in rounding from one that keeps a tape. Work that needs both kinds does not set `once`.

    With precision "bfloat16" the maps between layers, the convolutions and their products are bfloat16; parameters,
    gradients, the head and all sums keep theta's dtype. TF32 is a state of the device, see `convolution_precision`.
    """
    maps = torch.bfloat16 if precision == "bfloat16" else theta.dtype
    return _step(cast(Hashable, net), theta.device.type, maps, once)


def training_step(net: FlatNet, theta: Tensor) -> Step:
    """Return the step for plain training, which asks for no tape, so autograd builds no graph.

    Exception: for ddkit's own networks with instance or group norm, autograd builds the graph. Without it, the backward
    of group norm rounds differently, and experts would differ in bits from those of earlier versions of ddkit.
    """
    return step_for(net, theta, once=net.settings.foreign or not net.has_group_norm)


def prepare_step(settings: NetSettings, device: torch.device) -> None:
    """Begin to compile the kernels that `step_for` will need for networks of these settings, if it will need any."""
    fused = isinstance(settings, ConvNetSettings) and settings.common_blocks((3, 32, 32)) is not None
    if fused and device.type == "cpu":
        kernels_ahead(torch.float32)


@lru_cache(maxsize=16)
def _step(net: Any, device: str, maps: torch.dtype, once: bool) -> Step:
    if isinstance(net, FlatNet) and isinstance(net.settings, ConvNetSettings):
        shapes = net.settings.common_blocks(net.shape)
        if shapes is not None and device == "cuda":
            norm, plain = norm_of(net.settings), [LibraryConvolution(shape) for shape in shapes]
            return ConvNetStep(net, shapes, norm, maps, _cuda_blocks(maps, norm), [*plain], CHUNK[device])
        if shapes is not None and device == "cpu" and maps in MAPS and (compiled := kernels(maps)) is not None:
            norm, fitting = norm_of(net.settings), [choose_convolution(shape, compiled) for shape in shapes]
            return ConvNetStep(net, shapes, norm, maps, NativeBlocks(compiled, norm), fitting, CHUNK[device])
    return AutogradStep(net, maps, once)


def _cuda_blocks(maps: torch.dtype, norm: Norm) -> Blocks:
    compiled = FormulaBlocks(True, norm)
    if norm != INSTANCE or find_spec("triton") is None:
        return compiled
    try:
        from ddkit.steps.triton_blocks import TritonKernels
    except Exception as error:  # a Triton that does not fit to this Python or driver raises errors of many kinds
        warn_slower("Triton cannot be imported", str(error), "compiled formulas run instead")
        return compiled
    kernels = TritonKernels(maps)
    return MeasuredBlocks(compiled, NativeBlocks(kernels), kernels.fits)
