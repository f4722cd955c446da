"""Claim: ddkit computes the exact outer gradient faster than the textbook, in a fraction of its memory.

    python benchmarks/unroll.py ROW ... [--repeats 9] [--save [DIR]]

The benchmark computes one outer gradient (images and learning rate) of the trajectory-matching loss with ddkit (`ours`)
and with the textbook, in turn in one process. The textbook keeps the whole autograd graph by create_graph=True, as
published code does (engine `reference`). Times are medians over the repeats.

- `ratio`: the time of the textbook, divided by ours.
- `difference`, `cosine`: the relative difference and the cosine of the two image gradients.
- `to truth`: the distance of each gradient from float64, where float64 is fast enough.
- `peak MiB`: on CUDA the allocator's peak; on a CPU the growth of the process's resident memory, in a separate process.
- `share`: the FLOP floor divided by the time. The floor is 8.8 forward passes an image-step, the fewest known for the
  exact gradient, at the rate of the library's 3x3 convolution measured in the same run. Winograd's convolutions need
  2.25 times fewer multiplications than the floor counts, so on a CPU a share may exceed 1.

On a CPU a third program, `before`, is ours with the earlier convolutions, without Winograd's form: direct kernels for
small layers, the library's for wide ones.

Rows: the project's targets, see ROWS. --save adds a line for each row to unroll.jsonl in DIR (default
benchmarks/results).
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import torch
from measure import RESULTS, alternate, convolution_rate, forward_flops, resident_growth, save, summary
from torch import Tensor

from ddkit.nets import FlatNet, parse_net
from ddkit.randomness import stream
from ddkit.steps.blocks import NativeBlocks
from ddkit.steps.choose import CHUNK
from ddkit.steps.conv import FEW_CHANNELS, FEW_WEIGHTS, DirectConvolution, LibraryConvolution
from ddkit.steps.convnet import ConvNetStep
from ddkit.steps.native import kernels
from ddkit.steps.norm import norm_of
from ddkit.unroll import matching_loss
from ddkit.unroll.adjoint import adjoint
from ddkit.unroll.problem import Problem, Rules

FLOOR = 8.8
"""Forward passes an image-step: 1 forward, 1.93 backward, 5.86 for the second derivatives."""


@dataclass(frozen=True)
class Row:
    """One setting. `kept`: memory for kept steps, in MiB; `textbook`: whether the textbook's graph fits into memory;
    `threads`: as ddkit chooses them (ddkit/jobs/machine/threads.py), None: all; `alone`: whether peak memory on a CPU
    is measured in a separate process; `students`: trajectories of which the loss is the mean."""

    net: str
    side: int
    channels: int
    batch: int
    steps: int
    classes: int = 10
    precision: str = "float32"
    kept: int = 0
    device: str = "cpu"
    textbook: bool = True
    threads: int | None = None
    alone: bool = True
    students: int = 1


D2, D3 = "convnet(depth=2, width=32)", "convnet(depth=3, width=128)"
D2_BATCH, D3_BATCH = "convnet(depth=2, width=32, norm=batch)", "convnet(depth=3, width=128, norm=batch)"
ROWS = {
    "digits": Row(D2, 8, 1, 10, 20, kept=64, threads=1),
    "digits-batch": Row(D2_BATCH, 8, 1, 10, 20, kept=64, threads=1),
    "cpu": Row(D3, 32, 3, 10, 10, kept=48),
    "cpu-batch": Row(D3_BATCH, 32, 3, 10, 10, kept=48),
    "cpu-bf16": Row(D3, 32, 3, 10, 10, precision="bfloat16", kept=48),
    "cpu-large": Row(D3, 32, 3, 50, 50, kept=256),
    "cifar10-ipc1": Row(D3, 32, 3, 10, 50, device="cuda", precision="tf32", kept=8),
    "cifar10-ipc1-6-students": Row(D3, 32, 3, 10, 50, device="cuda", precision="tf32", kept=48, students=6),
    "cifar10-ipc10": Row(D3, 32, 3, 100, 30, device="cuda", precision="tf32", kept=400),
    "cifar100-ipc10": Row(D3, 32, 3, 1000, 20, 100, device="cuda", precision="tf32", kept=1500),
    "cifar100-ipc10-bf16": Row(D3, 32, 3, 1000, 20, 100, device="cuda", precision="bfloat16", kept=1500),
    "cifar100-ipc50": Row(D3, 32, 3, 1000, 80, 100, device="cuda", precision="tf32", kept=1500, textbook=False),
    "cifar100-ipc50-bf16": Row(
        D3, 32, 3, 1000, 80, 100, device="cuda", precision="bfloat16", kept=1500, textbook=False
    ),
}


TOY = {"net": "convnet(depth=3, width=8)", "batch": 4, "steps": 3, "device": "cpu", "kept": 1, "alone": False}


def build(row: Row, dtype: torch.dtype = torch.float32) -> Callable[[str], tuple[Tensor, ...]]:
    """A function from engine to (image gradient, lr gradient); "ours" is the engine that `auto` selects."""
    net = FlatNet(parse_net(row.net), (row.channels, row.side, row.side), row.classes)
    draw, to = stream(0, "benchmark"), {"device": row.device, "dtype": dtype}
    theta_0 = torch.stack([net.init(draw) for _ in range(row.students)])
    theta_target = (theta_0 + 0.02 * torch.randn(theta_0.shape, generator=draw)).to(**to)
    batches = (row.students, row.steps, row.batch)
    images = torch.randn(*batches, *net.shape, generator=draw).to(**to).requires_grad_()
    labels = torch.randint(row.classes, batches, generator=draw).to(row.device)
    lr = torch.tensor(0.01, **to, requires_grad=True)
    theta_0 = theta_0.to(**to)

    def gradient(engine: str) -> tuple[Tensor, ...]:
        if engine == "before":
            step, rates = step_before(net, row.precision, dtype), lr.expand(row.steps)
            each = zip(theta_0, theta_target, images, labels, strict=True)
            problems = [Problem(Rules(), start, (target,), x, y, rates) for start, target, x, y in each]
            solved = [adjoint(step, problem, row.kept * 2**20) for problem in problems]
            return torch.stack([one.images for one in solved if one.images is not None]) / row.students, lr
        options: dict[str, Any] = {"engine": "reference"}
        if engine == "ours":
            options = {"precision": row.precision, "memory": row.kept * 2**20}
        loss = matching_loss(net, theta_0, theta_target, images, labels, lr, **options)
        return torch.autograd.grad(loss, (images, lr))

    return gradient


@lru_cache
def step_before(net: FlatNet, precision: str, dtype: torch.dtype) -> ConvNetStep:
    """The fused step on a CPU with the earlier convolutions, without Winograd's form."""
    maps = torch.bfloat16 if precision == "bfloat16" else dtype
    compiled, shapes = kernels(maps), net.settings.common_blocks(net.shape)  # type: ignore[attr-defined]
    if compiled is None:
        raise SystemExit("the kernels could not be compiled")
    convolutions = [
        DirectConvolution(shape, compiled)
        if shape.channels <= FEW_CHANNELS or shape.channels * shape.filters <= FEW_WEIGHTS
        else LibraryConvolution(shape)
        for shape in shapes
    ]
    norm = norm_of(net.settings)
    return ConvNetStep(net, shapes, norm, maps, NativeBlocks(compiled, norm), convolutions, CHUNK["cpu"])


def agreement(row: Row, gradient: Callable[[str], tuple[Tensor, ...]]) -> dict[str, float]:
    """The distance of ours from the textbook, and (on a CPU, where it is cheap) of each of them from float64."""
    if not row.textbook:
        return {}
    ours, textbook = gradient("ours")[0].double().flatten(), gradient("textbook")[0].double().flatten()
    facts = {
        "difference": float((ours - textbook).norm() / textbook.norm()),
        "cosine": float(torch.cosine_similarity(ours, textbook, dim=0)),
    }
    if row.device == "cpu" and row.students * row.steps * row.batch <= 200:
        truth = build(row, torch.float64)("textbook")[0].flatten()
        facts["ours to truth"] = float((ours - truth).norm() / truth.norm())
        facts["before to truth"] = float((gradient("before")[0].double().flatten() - truth).norm() / truth.norm())
        facts["textbook to truth"] = float((textbook - truth).norm() / truth.norm())
    return facts


def peak(name: str, engine: str, row: Row) -> float:
    """Peak memory of one gradient in MiB."""
    if row.device == "cuda" or not row.alone:
        gradient = build(row)
        return resident_growth(lambda: gradient(engine), torch.device(row.device))
    command = [sys.executable, __file__, name, "--peak-of", engine]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def measure(name: str, row: Row, repeats: int) -> dict[str, Any]:
    device, gradient = torch.device(row.device), build(row)
    engines = ["textbook"] * row.textbook + ["before"] * (row.device == "cpu") + ["ours"]
    seconds = alternate({e: (lambda e=e: gradient(e)) for e in engines}, repeats, device)
    rows: dict[str, Any] = summary(seconds, engines[0])
    net = FlatNet(parse_net(row.net), (row.channels, row.side, row.side), row.classes)
    width = net.settings.width  # type: ignore[attr-defined]
    for engine in engines:
        low = torch.bfloat16 if engine != "textbook" and row.precision == "bfloat16" else torch.float32
        floor = FLOOR * forward_flops(net) * row.steps * row.batch * row.students
        rate = convolution_rate(width, row.side // 2, row.batch, device, low)
        rows[engine] |= {"share": floor / rate / rows[engine]["seconds"], "GFLOP/s": rate / 1e9}
        rows[engine]["peak MiB"] = peak(name, engine, row)
    rows["agreement"] = agreement(row, gradient)
    return rows


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("row", nargs="+", choices=ROWS)
    ask.add_argument("--repeats", type=int, default=9)
    ask.add_argument(
        "--save", nargs="?", const=RESULTS, metavar="DIR", help="add a line to DIR (default benchmarks/results)"
    )
    ask.add_argument("--rehearse", action="store_true", help="rows of CUDA on the CPU, at toy size")
    ask.add_argument("--peak-of", choices=("textbook", "before", "ours"), help=argparse.SUPPRESS)
    args = ask.parse_args()
    all_threads = torch.get_num_threads()
    for name in args.row:
        row = replace(ROWS[name], **TOY) if args.rehearse else ROWS[name]
        torch.set_num_threads(row.threads or all_threads)
        if args.peak_of:
            gradient = build(row)
            build(Row(row.net, row.side, row.channels, 1, 1, row.classes, row.precision))(
                args.peak_of
            )  # load libraries
            print(resident_growth(lambda gradient=gradient: gradient(args.peak_of), torch.device("cpu")))
            continue
        rows = measure(name, row, args.repeats)
        for what, facts in rows.items():
            print(name, what, {key: float(f"{value:.4g}") for key, value in facts.items()}, flush=True)
        if args.save:
            setting = {"row": name, **vars(row), "repeats": args.repeats}
            save("unroll.jsonl", json.loads(json.dumps(setting)), rows, torch.device(row.device), args.save)


if __name__ == "__main__":
    main()
