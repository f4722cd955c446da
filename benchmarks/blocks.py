"""Claim: on CUDA the Triton kernels compute a ConvNet's blocks faster than the formulas that torch.compile fuses.

    python benchmarks/blocks.py [ROW ...] [--save [DIR]]

A block is instance norm, ReLU and 2x2 average pooling. The benchmark measures each of its four functions (forward,
backward, and the tangents of both) on the three maps of ConvNet-D3/128 at 32 x 32 pixels: the seconds of the device,
without launches. `ratio` is the time of the formulas, divided by that of the kernels. `difference` is the largest
relative difference between both.

Rows are BATCH or BATCH-bf16. --save adds a line for each row to blocks.jsonl in DIR (default benchmarks/results).
--rehearse interprets the kernels on the CPU, at toy size.
"""

import argparse
import os
import sys
from collections.abc import Callable
from typing import Any

if "--rehearse" in sys.argv:  # Triton reads it when it is imported
    os.environ["TRITON_INTERPRET"] = "1"

import torch
from measure import RESULTS, alternate, row_argument, save
from torch import Tensor

from ddkit.randomness import stream
from ddkit.steps.blocks import Blocks, NativeBlocks
from ddkit.steps.formulas import FormulaBlocks
from ddkit.steps.measured import device_seconds
from ddkit.steps.triton_blocks import TritonKernels

ROWS = ("10", "100", "1000", "10-bf16", "100-bf16", "1000-bf16")
SIDES, WIDTH = (32, 16, 8), 128
TOY_SIDES, TOY_WIDTH, TOY_BATCH = (8, 5), 3, 2


def functions(side: int, width: int, batch: int, maps: torch.dtype, device: torch.device) -> dict[str, Any]:
    """Function -> a function of blocks that calls it on drawn tensors."""
    generator = stream(0, "blocks")

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator).to(device)

    z, zt = (draw(batch, side, side, width).to(maps) for _ in range(2))
    gp, gpt = (draw(batch, side // 2, side // 2, width).to(maps) for _ in range(2))
    gamma, beta, gamma_t, beta_t = (1 + 0.1 * draw(width) for _ in range(4))
    plain = FormulaBlocks(fuse=False)
    stats = plain.forward(z, gamma, beta)[1]
    stats_t = plain.forward_tangent(z, zt, gamma, beta, gamma_t, beta_t, stats)[1]
    return {
        "forward": lambda blocks: blocks.forward(z, gamma, beta)[0],
        "backward": lambda blocks: blocks.backward(z, gp, gamma, beta, stats)[0],
        "forward tangent": lambda blocks: blocks.forward_tangent(z, zt, gamma, beta, gamma_t, beta_t, stats)[0],
        "backward tangent": lambda blocks: blocks.backward_tangent(
            z, zt, gp, gpt, gamma, beta, gamma_t, stats, stats_t
        )[1],
    }


def seconds(work: Callable[[], Any], device: torch.device) -> float:
    if device.type == "cpu":
        return alternate({"it": work}, 1, device)["it"][0]
    work()  # compiles
    return min(device_seconds(work) for _ in range(5))


def measure(batch: int, maps: torch.dtype, device: torch.device, toy: bool) -> dict[str, dict[str, float]]:
    both: dict[str, Blocks] = {
        "triton": NativeBlocks(TritonKernels(maps)),
        "formulas": FormulaBlocks(fuse=device.type == "cuda"),
    }
    rows: dict[str, dict[str, float]] = {name: {"seconds": 0.0} for name in both}
    largest = 0.0
    for side in TOY_SIDES if toy else SIDES:
        width, count = (TOY_WIDTH, TOY_BATCH) if toy else (WIDTH, batch)
        for function, call in functions(side, width, count, maps, device).items():
            found, expected = (call(blocks).double() for blocks in both.values())
            largest = max(largest, float((found - expected).norm() / expected.norm()))
            for name, blocks in both.items():
                rows[name][f"{function} {side}"] = seconds(lambda call=call, blocks=blocks: call(blocks), device)
                rows[name]["seconds"] += rows[name][f"{function} {side}"]
    for facts in rows.values():
        facts["ratio"] = rows["formulas"]["seconds"] / facts["seconds"]
    rows["triton"]["difference"] = largest
    return rows


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    row_argument(ask, ROWS)
    ask.add_argument("--save", nargs="?", const=RESULTS, metavar="DIR")
    ask.add_argument("--rehearse", action="store_true", help="interpret the kernels on the CPU, at toy size")
    args = ask.parse_args()
    device = torch.device("cpu" if args.rehearse else "cuda")
    for row in args.rows:
        batch, _, low = row.partition("-")
        maps = torch.bfloat16 if low else torch.float32
        rows = measure(int(batch), maps, device, args.rehearse)
        for name, facts in rows.items():
            print(row, name, {key: float(f"{value:.4g}") for key, value in facts.items()}, flush=True)
        if args.save:
            save("blocks.jsonl", {"row": row}, rows, device, args.save)


if __name__ == "__main__":
    main()
