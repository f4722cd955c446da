"""Claim: the fused step of a ConvNet is faster than autograd, with every norm that it covers.

    python benchmarks/steps.py [ROW ...] [--norms batch ...] [--repeats 9] [--save [DIR]]

Each row is a network, its images and a batch, on one thread of a CPU in float32. The programs run in turn in one
process. All seconds are processor seconds, since other jobs may run beside it; times are medians over the repeats.

- `gradient`: one training step's gradient. The textbook is `loss.backward()`, without a graph of it.
- `product`: the derivative of gradient . direction for parameters and images. The textbook is double backward.
- `ratio`: the time of the textbook, divided by ours.
- `to truth`: the largest relative distance of ours from float64.

--save adds a line for each row and norm to steps.jsonl in DIR (default benchmarks/results).
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from measure import RESULTS, alternate, row_argument, save, summary
from torch import Tensor

from ddkit.nets import FlatNet, parse_net
from ddkit.randomness import stream
from ddkit.steps import AutogradStep, Step, step_for

CPU = torch.device("cpu")
NORMS = ("batch", "group", "none", "instance")


@dataclass(frozen=True)
class Row:
    depth: int
    width: int
    side: int
    channels: int
    batch: int


ROWS = {
    "digits": Row(2, 32, 8, 1, 10),
    "digits-64": Row(2, 32, 8, 1, 64),
    "cifar": Row(3, 128, 32, 3, 10),
    "cifar-narrow": Row(3, 32, 32, 3, 64),
}


def problem(row: Row, norm: str, dtype: torch.dtype = torch.float32) -> tuple[FlatNet, tuple[Tensor, ...]]:
    """A network, and (parameters, images, classes, direction)."""
    spec, shape = f"convnet(depth={row.depth}, width={row.width}, norm={norm})", (row.channels, row.side, row.side)
    net, draw = FlatNet(parse_net(spec), shape, 10), stream(0, "steps")
    theta, images = net.init(draw), torch.randn(row.batch, *shape, generator=draw)
    classes, direction = torch.randint(10, (row.batch,), generator=draw), torch.randn(net.parameters, generator=draw)
    return net, (theta.to(dtype), images.to(dtype), classes, direction.to(dtype))


def results(step: Step, theta: Tensor, x: Tensor, y: Tensor, a: Tensor) -> list[Tensor]:
    product = step.product(theta, x, y, a)
    return [step.gradient(theta, x, y).theta, product.theta, product.images]


def measure(row: Row, norm: str, repeats: int) -> dict[str, Any]:
    net, (theta, x, y, a) = problem(row, norm)
    steps: dict[str, Step] = {"textbook": AutogradStep(net, theta.dtype, once=True), "ours": step_for(net, theta)}
    assert steps["ours"].fused

    def programs(what: Callable[[Step], Any]) -> dict[str, Callable[[], Any]]:
        return {name: (lambda step=step: what(step)) for name, step in steps.items()}

    rows: dict[str, Any] = {}
    for name, what in (
        ("gradient", lambda step: step.gradient(theta, x, y)),
        ("product", lambda step: step.product(theta, x, y, a)),
    ):
        found = summary(alternate(programs(what), repeats, CPU, time.process_time), "textbook")
        rows |= {f"{name} {who}": facts for who, facts in found.items()}
    exact = problem(row, norm, torch.float64)
    truth = results(AutogradStep(exact[0], torch.float64), *exact[1])
    off = [float((o - t).norm() / t.norm()) for o, t in zip(results(steps["ours"], theta, x, y, a), truth, strict=True)]
    return rows | {"agreement": {"to truth": max(off)}}


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    row_argument(ask, ROWS)
    ask.add_argument("--norms", nargs="+", choices=NORMS, default=NORMS)
    ask.add_argument("--repeats", type=int, default=9)
    ask.add_argument("--save", nargs="?", const=RESULTS, metavar="DIR", help="default benchmarks/results")
    args = ask.parse_args()
    torch.set_num_threads(1)
    for name in args.rows:
        for norm in args.norms:
            rows = measure(ROWS[name], norm, args.repeats)
            for what, facts in rows.items():
                print(name, norm, what, {key: float(f"{value:.4g}") for key, value in facts.items()}, flush=True)
            if args.save:
                setting = {"row": name, "norm": norm, **asdict(ROWS[name]), "repeats": args.repeats}
                save("steps.jsonl", setting, rows, CPU, args.save)


if __name__ == "__main__":
    main()
