"""The cost of training missing experts, extrapolated from a few batches."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import cycle

from ddkit.data import Part
from ddkit.executors import Needs
from ddkit.experts import ExpertSettings, Rehearsal, train_expert
from ddkit.jobs.planning.gauge import TIMED, Cost, Gauge
from ddkit.jobs.planning.workers import Workers
from ddkit.jobs.recipes import Recipe
from ddkit.randomness import stream
from ddkit.task import Task

ROW_COPIES = 4
"""Float32 copies of an expert's rows in memory while they are stored: snapshots, stack, differences, file."""


def probe_missing(recipe: Recipe, task: Task, gauge: Gauge, seconds: float, missing: int) -> tuple[Cost, str]:
    """(cost of all `missing` experts, as many at once as the executor in use trains; what was measured).

    Equal experts need as many rounds as their number divided by the workers. Different ones, the teachers, begin in
    their order.
    """
    workers, source = Workers.of(Needs(task.device)), recipe.source(task)
    rehearsals = source.rehearsals()
    with workers.threads():
        found = [_probe_expert(rehearsal, gauge, seconds / len(rehearsals)) for rehearsal in rehearsals]
    costs = [cost for cost, _ in found]
    largest = max(costs, key=lambda cost: cost.memory)
    each = [cost.seconds for cost, _ in zip(cycle(costs), range(missing), strict=False)]
    return workers.cost(each, largest, longest_first=False), f"{found[0][1]} of {source.rehearsed}"


def _probe_expert(rehearsal: Rehearsal, gauge: Gauge, seconds: float) -> tuple[Cost, str]:
    """(cost of one training, what was measured)."""
    task, settings = rehearsal.task, rehearsal.settings
    batches = -(-len(task.real.train) // settings.batch)
    line = gauge.line(partial(_epoch, task, settings), batches, seconds)
    # The memory of an epoch does not grow with its batches, but each stored row needs memory.
    memory = line.large.memory + ROW_COPIES * rehearsal.rows * task.net.parameters * 4
    basis = f"up to {TIMED} epochs of {line.size} of {batches} batches"
    return Cost(rehearsal.epochs * line.at(batches).seconds, memory), basis


def _epoch(task: Task, settings: ExpertSettings, batches: int) -> Callable[[], object]:
    """A function that trains an expert for one epoch on the first few batches of the real data."""
    count, train = batches * settings.batch, task.real.train
    generator = stream(settings.seed, "plan")
    part = Part(train.images[:count], train.labels[:count])
    shortened = replace(task, real=replace(task.real, train=part))
    epochs = train_expert(shortened, settings, 1 + TIMED, generator)
    next(epochs)  # the initialisation
    return partial(next, epochs)
