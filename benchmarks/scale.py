"""Measure what docs/scale.md computes with: seconds of units of work on one processor core.

    python benchmarks/scale.py comparison   every expert, set and row of a comparison of eight recipes x three sets
    python benchmarks/scale.py units        one expert, set and row of DATM at fifty a class; a step of ResNet18

Seconds are those that one thread of this process computes, so that waiting for other work on the machine does not
count; --beside names that work. The figures go to docs/results/scores/scale-comparison.json and scale-units.json, and
`python docs/pages/write.py` writes the page.
`units` reads the CIFAR data in $DDKIT_DATA.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "docs" / "pages"))
from keep import commit, hardware
from score_file import Row, ScoreFile

import ddkit
from ddkit.executors.local import LocalExecutor
from ddkit.jobs.planning import gauge
from ddkit.jobs.planning.gauge import Cost, Gauge
from ddkit.jobs.planning.workers import Workers
from ddkit.nets import FlatNet, parse_net
from ddkit.randomness import stream
from ddkit.run import SilentMeter
from ddkit.steps import step_for

RECIPES = tuple(f"{method}-digits-ipc1" for method in ("mtt", "ftd", "datm", "dc", "dsa", "dm"))
RECIPES += ("ftd-digits-ipc10", "dm-digits-ipc10")
ITERATIONS = "method.iterations=100"
WHAT = {"TrainExperts": "expert", "CondenseSet": "set", "RowUnit": "row"}
DATM = ("datm-cifar10-ipc50", "datm-cifar100-ipc50")
IMAGES = {"imagenet-64": 64, "imagenet-224": 224}
BATCH = 16
"""Images of the step of ResNet18."""

PROBE = 60.0
"""Seconds of a plan's probe."""


def comparison(folder: Path) -> tuple[str, list[Row]]:
    """(command, a row for each unit of the comparison in the order in which the executor got it)."""
    rows: list[Row] = []

    def run(self: LocalExecutor, units: Sequence[Any], common: Any, needs: Any, watch: Any) -> Any:
        for unit in units:
            begin = time.process_time()
            result = unit.run(common, lambda item, unit=unit: watch.progress(unit, item))
            rows.append({"name": WHAT[type(unit).__name__], "seconds": round(time.process_time() - begin, 3)})
            yield unit, result

    with patch.object(LocalExecutor, "run", run):
        ddkit.compare(RECIPES, sets=3, overrides=(ITERATIONS,), out=folder / "out", device="cpu")
    names = " ".join(RECIPES)
    return f"python benchmarks/scale.py comparison  # ddkit compare {names} --sets 3 --set {ITERATIONS}", rows


def planned(recipe: str) -> tuple[ddkit.Plan, list[list[float]]]:
    """A plan, and the seconds of the units of its divided stages."""
    found: list[list[float]] = []
    original = Workers.cost

    def cost(workers: Workers, seconds: Sequence[float], *args: Any, **named: Any) -> Cost:
        found.append(list(seconds))
        return original(workers, seconds, *args, **named)

    with patch.object(Workers, "cost", cost):
        return ddkit.plan(recipe=recipe, device="cpu", probe_seconds=PROBE, meter=SilentMeter()), found


def units(folder: Path) -> tuple[str, list[Row]]:
    """(command, rows of seconds): units of DATM by ddkit's plan; an image of a training step of ResNet18."""
    rows: list[Row] = []
    for recipe in DATM:
        found, (experts, table) = planned(recipe)
        made = next(stage for stage in found.stages if stage.name == "condensation")
        rows += [
            {"name": "expert", "job": recipe, "seconds": experts[0]},
            {"name": "set", "job": recipe, "seconds": made.seconds},
            *({"name": "row", "job": recipe, "seconds": seconds} for seconds in table),
        ]
    for name, side in IMAGES.items():
        net = FlatNet(parse_net("torchvision(model=resnet18)"), (3, side, side), 1000)
        rows.append({"name": "image", "job": name, "seconds": _image_seconds(net)})
    return "python benchmarks/scale.py units", [row | {"seconds": float(f"{row['seconds']:.4g}")} for row in rows]


def _image_seconds(net: FlatNet) -> float:
    """Seconds of a training step (loss and gradient), divided by the images of its batch."""
    generator = stream(0, "scale")
    theta = net.init(generator)
    x, y = torch.rand(BATCH, *net.shape, generator=generator), torch.arange(BATCH)
    step = step_for(net, theta)
    cost = Gauge(torch.device("cpu")).cost(lambda: step.gradient(theta, x, y), 60.0)
    return cost.seconds / BATCH


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("what", choices=("comparison", "units"))
    ask.add_argument("--beside", default="", help="other work on the machine, for the score file")
    asked = ask.parse_args()
    what = asked.what
    gauge.time = SimpleNamespace(perf_counter=time.process_time)  # type: ignore[assignment]
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["DDKIT_HOME"] = f"{temporary}/home"
        torch.set_num_threads(1)
        command, rows = {"comparison": comparison, "units": units}[what](Path(temporary))
    facts = {
        "command": command,
        "n": "one run of each unit"
        if what == "comparison"
        else "the fastest of two probes after a first one, extrapolated as ddkit plan does",
        "interval": "none",
        "hardware": f"one thread on {hardware()}, processor seconds"
        + (f", beside {asked.beside}" if asked.beside else ""),
        "software": f"torch {version('torch').rsplit('.', 1)[0]}",
        "commit": commit(),
        "origin": "kept by benchmarks/scale.py",
    }
    ScoreFile(f"scale-{what}", facts, tuple(rows)).write()


if __name__ == "__main__":
    main()
