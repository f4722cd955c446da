"""Claim: the gradients of a row's networks in one pass are faster than one network after another, and equal to the bit.

    python benchmarks/rows.py [ROW ...] [--repeats 20] [--save [DIR]]

A row of a table trains 20 networks (five at each of four learning rates). Both programs compute the gradients of all 20
on the same batches, on one thread, in turn in one process. `ratio` is the median over the repeats of the seconds one by
one, divided by the seconds in one pass. --save adds a line for each row to rows.jsonl in DIR (default
benchmarks/results).
"""

import argparse
from statistics import median

import torch
from measure import RESULTS, alternate, row_argument, save

from ddkit.jobs.machine.threads import one_thread
from ddkit.nets import FlatNet, parse_net
from ddkit.randomness import stream
from ddkit.steps import step_for
from ddkit.steps.step import one_by_one

NETWORKS, CLASSES = 20, 10
ROWS = {
    "digits-10": ("convnet(depth=2, width=32)", (1, 8, 8), 10),  # one image a class
    "digits-64": ("convnet(depth=2, width=32)", (1, 8, 8), 64),  # the whole data
    "28x28-10": ("convnet(depth=3, width=32)", (1, 28, 28), 10),
}
"""Name -> network, images, batch."""


def measured(name: str, repeats: int) -> dict[str, float]:
    """Median milliseconds of each program for one network, and their ratio."""
    spec, shape, batch = ROWS[name]
    net, draw, cpu = FlatNet(parse_net(spec), shape, CLASSES), stream(0, "rows"), torch.device("cpu")
    theta = torch.stack([net.init(draw) for _ in range(NETWORKS)])
    x = torch.randn(NETWORKS, batch, *shape, generator=draw)
    y = torch.randint(CLASSES, (NETWORKS, batch), generator=draw)
    step = step_for(net, theta)
    assert torch.equal(step.gradients(theta, x, y), one_by_one(step, theta, x, y))
    programs = {
        "one by one": lambda: one_by_one(step, theta, x, y),
        "one pass": lambda: step.gradients(theta, x, y),
    }
    seconds = alternate(programs, repeats, cpu)
    ratio = median(a / b for a, b in zip(*seconds.values(), strict=True))
    return {f"{way}, ms": 1e3 * median(times) / NETWORKS for way, times in seconds.items()} | {"ratio": ratio}


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    row_argument(ask, ROWS)
    ask.add_argument("--repeats", type=int, default=20)
    ask.add_argument("--save", nargs="?", const=RESULTS, default=None, metavar="DIR")
    args = ask.parse_args()
    with one_thread():
        for name in args.rows:
            found = measured(name, args.repeats)
            print(name, {key: float(f"{value:.3g}") for key, value in found.items()}, flush=True)
            if args.save:
                save("rows.jsonl", {"row": name, "networks": NETWORKS}, {"ours": found}, torch.device("cpu"), args.save)


if __name__ == "__main__":
    main()
