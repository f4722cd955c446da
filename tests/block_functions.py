"""The four functions of a fused block on drawn tensors, and their errors against the formulas in float64.

Functions that use Triton run in processes of their own: whether kernels are interpreted is decided for the whole
process when Triton is imported.
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ddkit.randomness import stream
from ddkit.steps import formulas
from ddkit.steps.blocks import Blocks, NativeBlocks

KINDS = ("usual", "zero gamma", "negative gamma", "constant")
"""Kinds of blocks: gamma of both signs, gamma 0, gamma below 0, and maps whose variance is 0."""

RESULTS = {
    "forward": ("p", "mean", "rstd"),
    "backward": ("gz", "g_beta", "g_gamma"),
    "forward_tangent": ("pt", "mean_t", "dot_t"),
    "backward_tangent": ("gz", "gzt", "h_beta", "h_gamma"),
}
MAPS = {"p", "gz", "pt", "gzt"}
"""Results with the type of maps."""


def arguments(size: tuple[int, int, int], kind: str, maps: torch.dtype) -> dict[str, tuple[Any, ...]]:
    """Return the arguments of each function for three maps of (height, width, channels)."""
    height, width, channels = size
    real = torch.float64 if maps == torch.float64 else torch.float32
    generator = stream(0, "blocks", *map(str, size), kind)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64).to(real)

    gamma, beta, gamma_t, beta_t = (draw(channels) for _ in range(4))
    gamma = {"zero gamma": 0 * gamma, "negative gamma": -gamma.abs()}.get(kind, gamma)
    z, zt = (3 + 2 * draw(3, height, width, channels) for _ in range(2))
    if kind == "constant":
        z = z[:, :1, :1].expand_as(z).contiguous()
    gp, gpt = (draw(3, height // 2, width // 2, channels).to(maps) for _ in range(2))
    stats = formulas.forward(z.to(maps), gamma, beta)[1]
    # Rounding decides what ReLU does at its edge, so no pixel lies there. These functions take any statistics.
    edge = (gamma * (z.to(maps).to(real) - stats[0][:, None, None]) * stats[1][:, None, None] + beta).abs() < 1e-3
    z, zt = torch.where(edge, z + 0.5, z).to(maps), zt.to(maps)
    stats_t = formulas.forward_tangent(z, zt, gamma, beta, gamma_t, beta_t, stats)[1]
    return {
        "forward": (z, gamma, beta),
        "backward": (z, gp, gamma, beta, stats),
        "forward_tangent": (z, zt, gamma, beta, gamma_t, beta_t, stats),
        "backward_tangent": (z, zt, gp, gpt, gamma, beta, gamma_t, stats, stats_t),
    }


def errors(
    blocks: Blocks, device: torch.device, size: tuple[int, int, int], kind: str, maps: torch.dtype
) -> dict[str, float]:
    """Return the relative error of each result, "function: result" -> error, against the formulas in float64."""
    found = {}
    for function, given in arguments(size, kind, maps).items():
        ours = _flat(getattr(blocks, function)(*_mapped(given, lambda t: t.to(device))))
        truth = _flat(getattr(formulas, function)(*_mapped(given, lambda t: t.double())))
        for name, mine, exact in zip(RESULTS[function], ours, truth, strict=True):
            assert mine.shape == exact.shape and mine.dtype == (maps if name in MAPS else given[-1][0].dtype)
            scale = max(float(exact.norm()), 1e-30)
            found[f"{function}: {name}"] = float((mine.double().cpu() - exact).norm()) / scale
    return found


def triton_errors(device: torch.device, size: tuple[int, int, int], kind: str, maps: torch.dtype) -> dict[str, float]:
    """`errors` of the Triton kernels."""
    return errors(triton_blocks(maps), device, size, kind, maps)


def triton_blocks(maps: torch.dtype) -> Blocks:
    from ddkit.steps.triton_blocks import TritonKernels

    return NativeBlocks(TritonKernels(maps))


def interpret() -> None:
    """Make Triton interpret its kernels on the CPU. Only a process that has not imported Triton can call it."""
    os.environ["TRITON_INTERPRET"] = "1"


def forward_of(z: Tensor, gamma: Tensor, beta: Tensor) -> tuple[Tensor, ...]:
    """(p, mean, rstd) by the Triton kernel."""
    p, stats = triton_blocks(z.dtype).forward(z, gamma, beta)
    return p, *stats


def refused(change: Callable[[Tensor], Tensor]) -> str:
    """The error line of a tangent whose second map was changed."""
    z, zt, *rest = arguments((6, 4, 3), "usual", torch.float32)["forward_tangent"]
    try:
        triton_blocks(torch.float32).forward_tangent(z, change(zt), *rest)
    except ValueError as error:
        return str(error)
    return "it ran"


def spilled(name: str, maps: str, side: int, cache: str) -> int:
    """Compile a kernel for a GPU of compute capability 8.0. Return the bytes of registers that did not fit."""
    os.environ["TRITON_CACHE_DIR"] = cache
    import triton
    from triton.backends.compiler import GPUTarget

    from ddkit.steps.extents import KERNELS, MEANS
    from ddkit.steps.extents import MAPS as OF_MAPS
    from ddkit.steps.triton_blocks import PROGRAMS, block

    real = "fp64" if maps == "fp64" else "fp32"
    size = block(torch.empty(1, side, side, 128), torch.float64 if maps == "fp64" else torch.float32)
    warps = size.pop("num_warps")
    constants = {"H": side, "W": side, "C": 128, **size}
    kernel = PROGRAMS[name]
    types = [f"*{maps if kind in OF_MAPS else real}" for kind in KERNELS[name].tensors if kind not in MEANS]
    signature = dict(zip(kernel.arg_names, [*types, *["constexpr"] * len(constants)], strict=True))
    aligned = {(i,): [["tt.divisibility", 16]] for i in range(len(types))}
    made = triton.compile(
        triton.compiler.ASTSource(kernel, signature, constexprs=constants, attrs=aligned),
        target=GPUTarget("cuda", 80, 32),
        options={"num_warps": warps},
    )
    with tempfile.TemporaryDirectory() as folder:
        code = Path(folder, "kernel.ptx")
        code.write_text(made.asm["ptx"])
        assembler = triton.knobs.nvidia.ptxas.path
        report = subprocess.run(
            [assembler, "-v", "-arch=sm_80", str(code), "-o", f"{code}.cubin"],
            **{"capture_output": True, "text": True, "check": True},
        ).stderr
    return int(re.search(r"(\d+) bytes spill stores", report)[1])


def _mapped(given: tuple[Any, ...], change: Callable[[Tensor], Tensor]) -> tuple[Any, ...]:
    return tuple(_mapped(item, change) if isinstance(item, tuple) else change(item) for item in given)


def _flat(results: tuple[Any, ...]) -> list[Tensor]:
    return [tensor for item in results for tensor in (item if isinstance(item, tuple) else (item,))]
