"""Claim: what runs on networks of other code, the time of a step beside the built-in ConvNet, and beside plain PyTorch.

    python benchmarks/networks.py [--nets SPEC ...] [--repeats 5] [--batch 32] [--keep]

Each network trains experts (two, of two epochs) and runs MTT and DM for two iterations, one teacher for an
epoch, and an evaluation, on noise of 64 pixels in ten classes: accuracies mean nothing, and times do not
depend on the pixels. A line of an error stands where a job does not run.

All seconds are processor seconds of one thread (OMP_NUM_THREADS=1), since other jobs may run beside it.

- `expert`, `evaluation`: seconds of a training step of experts, and of networks of an evaluation.
- `torch`: seconds of the same step by a plain PyTorch loop. The three run in turn.
- `expert_ratio`, `evaluation_ratio`: medians of the repeats' ratios to `torch`.
- `mtt`, `dm`: mean seconds of two iterations.

--keep writes docs/results/scores/networks.json, from which docs/networks.md is written.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import ddkit
from ddkit.data import DSA, DataSettings, load_images, prepare
from ddkit.errors import DDKitError
from ddkit.evaluation.pool import Pool
from ddkit.evaluation.trainer import Trained, train_networks
from ddkit.evaluation.training import Training
from ddkit.experts import expert_settings
from ddkit.experts.train import train_experts
from ddkit.nets import FlatNet, parse_net
from ddkit.randomness import stream
from ddkit.run import SilentMeter
from ddkit.task import Task

sys.path.append(str(Path(__file__).parents[1] / "docs" / "pages"))
from keep import commit, hardware
from score_file import SCORES, ScoreFile

CONVNET = "convnet(depth=4, width=32)"
NETS = (CONVNET, "py:user_networks:convnet", "timm:resnet18", "resnet50", "py:user_networks:vit")
SIDE, CLASSES, EACH = 64, 10, 16
SHORT = ("evaluate.nets=2", "evaluate.steps=2", "evaluate.epochs=1", "evaluate.whole=false", "evaluate.batch=32")


def noise(folder: Path) -> str:
    """A dataset of noise: 64 pixels, ten classes."""
    draw = np.random.default_rng(0)
    labels = np.repeat(np.arange(CLASSES), EACH)
    parts = {part: draw.integers(0, 256, (len(labels), SIDE, SIDE, 3), dtype=np.uint8) for part in ("train", "test")}
    file = folder / "noise.npz"
    np.savez(file, train_images=parts["train"], train_labels=labels, test_images=parts["test"], test_labels=labels)
    return f"npz:{file}"


def job(work: Callable[[], Any]) -> tuple[str, Any]:
    """("yes", the result), or (the line of the error, None)."""
    try:
        return "yes", work()
    except DDKitError as error:
        return str(error), None


def jobs(spec: str, data: str, folder: Path) -> dict[str, Any]:
    """What runs, and the seconds of an iteration of MTT and DM."""
    name, _, inside = spec.partition("(")
    net = (f"net.name={name}", *(f"net.{part.strip()}" for part in inside.rstrip(")").split(",") if part))
    row: dict[str, Any] = {}
    experts = ("experts.count=2", "experts.batch=32", "method.max_start_epoch=1")
    for method, more in (("mtt", (*experts, "method.syn_steps=2", "method.expert_epochs=1")), ("dm", ())):
        seconds = Iterations()
        overrides = (*net, *more, *SHORT, "method.iterations=2")
        row[f"runs_{method}"], made = job(
            lambda method=method, overrides=overrides, seconds=seconds: ddkit.condense(
                method, data=data, ipc=1, overrides=overrides, out=folder / f"{method}-{len(list(folder.iterdir()))}",
                evaluate=False, meter=seconds,
            )
        )  # fmt: skip
        row[method] = seconds.each
        if method == "dm" and made is not None:
            row["runs_evaluation"], _ = job(
                lambda made=made: ddkit.evaluate(made.set, data=data, net=spec, overrides=SHORT, baselines=False)
            )
    teachers = (f"experts.nets={spec}", "experts.epochs=1", "experts.batch=32", "experts.lr=0.001")
    row["runs_teacher"], _ = job(lambda: ddkit.train_teachers("infer-digits-ipc10", data=data, overrides=teachers))
    return row


class Iterations(SilentMeter):
    """A meter that measures the iterations of a condensation."""

    def __init__(self) -> None:
        self.at: list[tuple[int, float]] = []

    def start(self, title: str, total: int, done: int = 0) -> None:
        self.at = [(done, time.process_time())]

    def advance(self, done: int, values: Mapping[str, float] | None = None) -> None:
        self.at.append((done, time.process_time()))

    @property
    def each(self) -> float | None:
        """Mean seconds of an iteration; None if none ran."""
        if not self.at or self.at[-1][0] == self.at[0][0]:
            return None
        (first, begin), (last, end) = self.at[0], self.at[-1]
        return (end - begin) / (last - first)


def alternated(programs: Mapping[str, Callable[[], None]], repeats: int) -> dict[str, list[float]]:
    """Processor seconds of each program's runs, after a first one. They run in turn, on one thread."""
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for repeat in range(repeats + 1):
        for name, program in programs.items():
            begin = time.process_time()
            program()
            if repeat:
                seconds[name].append(time.process_time() - begin)
    return seconds


def steps(spec: str, data: str, batch: int, repeats: int) -> dict[str, float]:
    """Seconds of a training step, by ddkit and by a plain loop."""
    settings = DataSettings(name=data)
    real = prepare(load_images(data), settings)
    net = FlatNet(parse_net(spec), real.data.shape, CLASSES)
    task = Task(real, net, DSA(""))
    experts = expert_settings("plain")(batch=batch, momentum=0.9)
    count = len(real.train) // batch
    module = net.settings.make(net.shape, CLASSES) if net.settings.foreign or "torchvision" in spec else None
    if module is None:
        with torch.random.fork_rng():
            module = net.settings.build(net.shape, CLASSES)
    optimiser = torch.optim.SGD(module.train().parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    for layer in module.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
        if isinstance(layer, nn.MultiheadAttention):
            layer.dropout = 0.0
    order = torch.arange(count * batch)

    def plain() -> None:
        for rows in order.split(batch):
            optimiser.zero_grad()
            F.cross_entropy(module(real.train.images[rows]), real.train.labels[rows]).backward()
            optimiser.step()

    theta = net.init(stream(0, "bench"))

    def expert() -> None:
        list(train_experts(task, experts, 1, [stream(0, "expert")]))

    def evaluation() -> None:
        stats = {name: value[None] for name, value in net.init_stats(theta).items()}
        training = Training(steps=count, batch=batch)
        train_networks(
            net, Pool(real.train.images, real.train.labels, order[None]), torch.tensor([0.01]), training,
            DSA(""), stream(0, "evaluation"), start=Trained(net, theta[None], stats),
        )  # fmt: skip

    def initial() -> None:
        net.init(stream(0, "expert"))

    found = alternated({"torch": plain, "expert": expert, "evaluation": evaluation, "init": initial}, repeats)
    found["expert"] = [all - init for all, init in zip(found["expert"], found["init"], strict=True)]
    seen = {
        "torch": count * batch,
        "expert": len(real.train),
        "evaluation": count * batch,
    }  # experts see a partial batch
    step = {name: [batch * one / images for one in found[name]] for name, images in seen.items()}
    row = {name: median(values) for name, values in step.items()}
    for name in ("expert", "evaluation"):
        row[f"{name}_ratio"] = median(a / b for a, b in zip(step[name], step["torch"], strict=True))
    return row | {"parameters": net.parameters}


def rounded(value: Any) -> Any:
    return float(f"{value:.3g}") if isinstance(value, float) else value


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--nets", nargs="+", default=NETS)
    ask.add_argument("--repeats", type=int, default=5)
    ask.add_argument("--batch", type=int, default=32)
    ask.add_argument("--keep", action="store_true", help="write the score file")
    args = ask.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DDKIT_HOME"] = folder
        data = noise(Path(folder))
        for spec in args.nets:
            row = {"name": spec, **jobs(spec, data, Path(folder)), **steps(spec, data, args.batch, args.repeats)}
            row = {key: rounded(value) for key, value in row.items()} | {"repeats": args.repeats}
            print(row, flush=True)
            if args.keep:
                keep(row)


def keep(row: dict[str, Any]) -> None:
    """Write the row into the score file, beside the rows of other networks."""
    there = (SCORES / "networks.json").exists()
    others = [one for one in (ScoreFile.read("networks").rows if there else ()) if one["name"] != row["name"]]
    rows = sorted([*others, row], key=lambda one: [*NETS, one["name"]].index(one["name"]))
    facts = {
        "command": "python benchmarks/networks.py --keep",
        "n": "repeats of an epoch in batches of 32 images, in the column n",
        "interval": "none",
        "hardware": f"one thread on {hardware()}, processor seconds, beside other jobs",
        "software": f"torch {torch.__version__}, timm {version('timm')}, torchvision {version('torchvision')}",
        "commit": commit(),
        "origin": "kept by benchmarks/networks.py",
    }
    ScoreFile("networks", facts, tuple(rows)).write()


if __name__ == "__main__":
    main()
