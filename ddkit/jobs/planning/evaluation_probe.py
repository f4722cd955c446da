"""The cost of an honest table, extrapolated from the first training steps on each size of set."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch

from ddkit.data import Part, RealData
from ddkit.evaluation import LR_GRIDS, RIVALS, EvaluateSettings, Pool, Training, row_needs, same_for_real
from ddkit.evaluation.trainer import CHUNK, Trained, train_networks
from ddkit.evaluation.training import honest_training
from ddkit.jobs.planning.gauge import Cost, Gauge
from ddkit.jobs.planning.workers import Workers
from ddkit.jobs.recipes import Recipe
from ddkit.randomness import stream
from ddkit.task import Task

CLASSIFIED = 500
"""Images whose classification is timed."""


def rows_of(recipe: Recipe) -> int:
    """Rows of a table beside the whole data: the set, its rivals, and random-real with labels like the set's.

    If the set is packed, all rivals occur a second time, packed alike.
    """
    settings, terms = recipe.evaluate, [recipe.method.teacher_labels]
    rivals = len(RIVALS) + same_for_real(settings.labels, settings.temperature, terms)
    return 1 + rivals * (1 if recipe.method.packing == 1 else 2)


def probe_evaluation(
    settings: EvaluateSettings, images: int, rows: int, task: Task, gauge: Gauge, seconds: float
) -> tuple[Cost, str]:
    """(cost of a table, what was measured).

    The table trains on `rows` sets of `images` images each, and on the whole data if the settings say so. As many rows
    run at once as in the evaluation. The choice of the rivals' images is not measured.
    """
    workers = Workers.of(row_needs(task, settings))
    with workers.threads():
        cost = _table_cost(settings, images, rows, workers, task, gauge, seconds)
    return cost, "the first steps of each kind of set"


def _table_cost(
    settings: EvaluateSettings, images: int, rows: int, workers: Workers, task: Task, gauge: Gauge, seconds: float
) -> Cost:
    """The cost of training and judging all rows."""
    real = task.real
    sets = {images: rows} | ({len(real.train): 1} if settings.whole else {})
    networks = len(LR_GRIDS[settings.optimiser]) * settings.nets
    idle = gauge.once(lambda: None).memory
    trainings = [
        (count, _training_cost(settings, task, gauge, size, networks, seconds / len(sets)))
        for size, count in sets.items()
    ]
    judging = _judging_cost(settings, task, gauge, networks, seconds)
    row_seconds = [judging.seconds + cost.seconds for count, cost in trainings for _ in range(count)]
    row_memory = max(judging.memory + _kmeans_memory(real), *(cost.memory for _, cost in trainings))
    cost = workers.cost(row_seconds, Cost(max(row_seconds), row_memory), idle)
    test_part = 4 * real.data.test_images.numel()  # it is preprocessed when the first row is judged, and kept
    return replace(cost, memory=cost.memory + test_part)


def _judging_cost(settings: EvaluateSettings, task: Task, gauge: Gauge, networks: int, seconds: float) -> Cost:
    """The cost of judging one row: all networks on the validation part, and those of one rate on the test part."""
    real = task.real
    part = Part(real.validation.images[:CLASSIFIED], real.validation.labels[:CLASSIFIED])
    theta = task.net.init(stream(0, "plan")).to(part.images.device)
    stats = {name: value[None] for name, value in task.net.init_stats(theta).items()}
    network = Trained(task.net, theta[None], stats)
    cost = gauge.cost(lambda: network.accuracy(part), seconds)
    judged = networks * len(real.validation) + settings.nets * len(real.data.test_labels)
    return Cost(judged / len(part) * cost.seconds, cost.memory)


def _training_cost(
    settings: EvaluateSettings, task: Task, gauge: Gauge, size: int, networks: int, seconds: float
) -> Cost:
    """The cost of training all networks of one row on a set of `size` images."""
    train = task.real.train
    full = honest_training(settings, size).steps

    def prepare(count: int, steps: int) -> Callable[[], object]:
        members, lr = torch.arange(size).expand(count, -1), torch.full((count,), LR_GRIDS[settings.optimiser][0])
        training = Training(steps=steps, batch=settings.batch, drop_at=steps)
        pool, generator = Pool(train.images, train.labels, members), stream(0, "plan")
        return lambda: train_networks(task.net, pool, lr, training, task.dsa, generator)

    idle = gauge.once(lambda: None).memory
    # Stacked networks share the overhead of each operation, so n networks take less than n times the time of one. The
    # time of n is on a line through the times of a few. If the time allows one step of all n, all are timed together.
    step = gauge.line(lambda count: prepare(count, 1), networks, seconds)
    count = networks if step.size == networks else 1
    one = step.at(count)
    line, share = gauge.line(partial(prepare, count), full, seconds, one), step.at(networks).seconds / one.seconds
    # Batches are prepared CHUNK steps ahead; later steps need no more memory.
    memory = line.at(min(full, max(CHUNK, line.size))).memory - idle
    return Cost(share * line.at(full).seconds, idle + round(networks / count * max(0, memory)))


def _kmeans_memory(real: RealData) -> int:
    """Bytes that k-means needs for the images of the largest class: once as float32, and twice as float64."""
    return int(real.train.labels.bincount().max()) * real.train.images[0].numel() * (4 + 2 * 8)
