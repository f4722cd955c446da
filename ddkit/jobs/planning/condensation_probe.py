"""The cost of a condensation, extrapolated from a few iterations, whose inner steps may be fewer than the recipe's."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ddkit.jobs.planning.gauge import TIMED, Cost, Gauge, Line
from ddkit.jobs.recipes import Recipe
from ddkit.jobs.sets.given import given_images
from ddkit.methods import Context, IterativeMethod, Method, OneShotMethod, image_method
from ddkit.run import SNAPSHOTS, write_checkpoint
from ddkit.synth import SyntheticSet, write_set
from ddkit.task import Task

METRICS_LINE = 75
"""Bytes that an iteration adds to metrics.jsonl."""

PICTURES = 140_000
"""Bytes of curve, gallery and small texts of a run on digits; the gallery of larger images needs more."""


def probe_condensation(recipe: Recipe, task: Task, gauge: Gauge, seconds: float) -> tuple[Cost, int, str]:
    """(cost, bytes of the run folder, what was measured). Missing experts are replaced by untrained ones."""
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        experts = recipe.source(task).stand_ins(folder, recipe.seed)
        context = Context(task, recipe.seed, experts.trajectories, experts.teachers, given=given_images(recipe, task))
        method = _shortened(recipe, context, 1)
        if isinstance(method, OneShotMethod):
            return _probe_one_shot(method, gauge, folder)
        return _probe_iterative(method, recipe, context, gauge, folder, seconds)


def _probe_one_shot(method: OneShotMethod[SyntheticSet], gauge: Gauge, folder: Path) -> tuple[Cost, int, str]:
    """Run the whole method once."""
    made: list[Any] = []
    cost = gauge.once(lambda: made.append(method.distil()))
    write_set(made[0], folder / "set.h5")
    return cost, (folder / "set.h5").stat().st_size + PICTURES, "all of it"


def _probe_iterative(
    method: IterativeMethod[SyntheticSet], recipe: Recipe, context: Context, gauge: Gauge, folder: Path, seconds: float
) -> tuple[Cost, int, str]:
    """Initialise the method, and run a few iterations with as many inner steps as the time allows."""
    steps = recipe.method.inner_steps
    states: list[Any] = []
    initialisation = gauge.once(lambda: states.append(method.init()))

    def iteration(inner_steps: int) -> Callable[[], object]:
        shortened = _shortened(recipe, context, inner_steps)
        assert isinstance(shortened, IterativeMethod)
        return partial(shortened.step, states[0])

    line = gauge.line(iteration, steps, seconds)
    write_checkpoint(folder / "checkpoint.pt", 0, states[0])
    write_set(method.finish(states[0]), folder / "set.h5")
    checkpoint, one_set = ((folder / name).stat().st_size for name in ("checkpoint.pt", "set.h5"))
    sets = min(SNAPSHOTS, method.iterations) + 2  # with the initial and the final set
    disk = checkpoint + sets * one_set + METRICS_LINE * method.iterations + PICTURES
    total = initialisation.seconds + method.iterations * line.at(steps).seconds
    memory = max(initialisation.memory, _iteration_memory(recipe, context.task, line, gauge))
    part = f" of {line.size} of {steps} student steps" if steps > 1 else ""
    return Cost(total, memory), disk, f"up to {TIMED} iterations{part}"


def _iteration_memory(recipe: Recipe, task: Task, line: Line, gauge: Gauge) -> int:
    """Peak memory of an iteration with all inner steps. The method may bound its growth with the steps."""
    memory = line.at(recipe.method.inner_steps).memory
    images = recipe.method.counts(task.real).total
    growth = recipe.method.most_growth(images, task.net, gauge.free_memory)
    return memory if growth is None else min(memory, line.large.memory + growth)


def _shortened(recipe: Recipe, context: Context, steps: int) -> Method[SyntheticSet]:
    """The method with `steps` inner steps."""
    settings = recipe.method.shortened(steps)
    return image_method(settings.name)(settings, context)
