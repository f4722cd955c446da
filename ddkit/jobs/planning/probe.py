"""Short rehearsals of a job's stages: their seconds and peak memory, extrapolated from the part that ran."""

import importlib
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from ddkit.data import Part, RealData
from ddkit.evaluation import LR_GRIDS, EvaluateSettings, Pool, Training, rows_at_once
from ddkit.evaluation.trainer import CHUNK, Trained, train_networks
from ddkit.evaluation.training import honest_training
from ddkit.experts import ExpertSettings, Rehearsal, train_expert
from ddkit.experts.settings import TEACHERS
from ddkit.jobs.machine.threads import one_thread
from ddkit.jobs.recipes import Recipe
from ddkit.memory import free_memory
from ddkit.methods import Context, IterativeMethod, Method, OneShotMethod, image_method
from ddkit.randomness import stream
from ddkit.run import SNAPSHOTS, how_many, write_checkpoint
from ddkit.synth import write_set
from ddkit.task import Task

TIMED = 2
"""Calls that are timed, after one that compiles, captures and fills caches."""

LIBRARIES = ("scipy.stats", "sklearn.cluster", "sklearn.datasets", "sklearn.model_selection")
"""What a job imports where it uses it. These take more than 150 MB, and seconds, which are no part of data and work."""

ROW_COPIES = 4
"""Times that an expert's rows lie in memory as float32 while they are stored: snapshots, stack, differences, file."""

RIVALS = 3
"""Sets of the same size that the evaluation trains on beside ours: random-real, herding, k-means."""

METRICS_LINE = 75
"""Bytes that an iteration adds to metrics.jsonl."""

PICTURES = 140_000
"""Bytes of curve, gallery and small texts of a run on digits; the gallery of larger images takes more."""

TOGETHER = 500
"""Images whose classification is timed."""


@dataclass(frozen=True)
class Cost:
    """Seconds, and peak memory in bytes: what data and work add to a process that has loaded neither."""

    seconds: float
    memory: int


@dataclass(frozen=True)
class Line:
    """Cost as a straight line in the size of the work, through size 1 and the largest `size` that was affordable."""

    small: Cost
    large: Cost
    size: int

    def at(self, size: int) -> Cost:
        """The cost at a size; at the measured one it is what was measured."""
        if size == self.size:
            return self.large
        share = (size - 1) / (self.size - 1)
        seconds = max(0.0, self.large.seconds - self.small.seconds)
        memory = max(0, self.large.memory - self.small.memory)
        return Cost(self.small.seconds + share * seconds, self.small.memory + round(share * memory))


class Gauge:
    """Measures work on one device: of the device's memory on CUDA, else of the process's. Made before data is loaded,
    so that the data counts, and after libraries are, so that these do not. `free_memory` is what was free then, in
    bytes."""

    def __init__(self, device: torch.device) -> None:
        for library in LIBRARIES:
            importlib.import_module(library)
        self._device = device
        self.free_memory = free_memory(device)
        self._held = torch.cuda.memory_allocated(device) if device.type == "cuda" else _process_memory("VmRSS")

    def cost(self, work: Callable[[], object], patience: float) -> Cost:
        """The fastest of up to TIMED calls after a first one; no further call once `patience` seconds are used up.

        Other processes only ever make a call slower: beside busy ones, calls of 12 ms with two threads took up to 340.
        """
        costs = [self.once(work)]
        while len(costs) <= TIMED and sum(cost.seconds for cost in costs) < patience:
            costs.append(self.once(work))
        timed = costs[1:] or costs
        return Cost(min(cost.seconds for cost in timed), max(cost.memory for cost in costs))

    def line(self, prepare: Callable[[int], Callable[[], object]], full: int, seconds: float) -> Line:
        """Costs of `prepare(size)`'s work for sizes up to `full`, found in about `seconds`.

        At least sizes 1 and 2 are measured, however long they take: less says nothing about more.
        """
        prepare(1)()  # what is compiled once a process or once a machine is no part of the work
        small = self.cost(prepare(1), seconds / 2)
        size = min(full, max(2, int(seconds / (1 + TIMED) / small.seconds)))
        return Line(small, small if size == 1 else self.cost(prepare(size), seconds), size)

    def once(self, work: Callable[[], object]) -> Cost:
        """One call."""
        on_cuda = self._device.type == "cuda"
        if on_cuda:
            torch.cuda.reset_peak_memory_stats(self._device)
        else:
            with suppress(OSError):  # not Linux: the peak is then that of the process's whole life, which is not less
                Path("/proc/self/clear_refs").write_text("5")
        begin = time.perf_counter()
        work()
        if on_cuda:
            torch.cuda.synchronize(self._device)
        seconds = time.perf_counter() - begin
        peak = torch.cuda.max_memory_allocated(self._device) if on_cuda else _process_memory("VmHWM")
        return Cost(seconds, max(0, peak - self._held))


def probe_experts(recipe: Recipe, task: Task, gauge: Gauge, seconds: float) -> tuple[Cost, str]:
    """(cost of one expert that is trained alone, what was measured); of teachers, the mean of their times."""
    source = recipe.source(task)
    wanted = source.rehearsals()
    each = [_probe_expert(rehearsal, gauge, seconds / len(wanted)) for rehearsal in wanted]
    costs = [cost for cost, _ in each]
    mean = Cost(sum(cost.seconds for cost in costs) / len(costs), max(cost.memory for cost in costs))
    return mean, f"{each[0][1]} of {source.one}"


def probe_missing(recipe: Recipe, task: Task, gauge: Gauge, seconds: float, missing: int) -> tuple[Cost, str]:
    """(cost of all `missing` experts, as many at once as there are cores, what was measured)."""
    at_once = min(missing, how_many(task.device))
    with one_thread() if at_once > 1 else nullcontext():  # as in a process of its own
        cost, basis = probe_experts(recipe, task, gauge, seconds)
    return Cost(-(-missing // at_once) * cost.seconds, at_once * cost.memory), basis


def _probe_expert(rehearsal: Rehearsal, gauge: Gauge, seconds: float) -> tuple[Cost, str]:
    """(cost of one training, what was measured)."""
    task, settings = rehearsal.task, rehearsal.settings
    batches = -(-len(task.real.train) // settings.batch)
    line = gauge.line(partial(_epoch, task, settings), batches, seconds)
    # an epoch's memory does not grow with its batches, but every row that is kept takes its own
    memory = line.large.memory + ROW_COPIES * rehearsal.rows * task.net.parameters * 4
    basis = f"up to {TIMED} epochs of {line.size} of {batches} batches"
    return Cost(rehearsal.epochs * line.at(batches).seconds, memory), basis


def _epoch(task: Task, settings: ExpertSettings, batches: int) -> Callable[[], object]:
    """Each call trains an expert for one epoch on the first few batches of the real data."""
    count, train = batches * settings.batch, task.real.train
    generator = stream(settings.seed, "plan")
    part = Part(train.images[:count], train.labels[:count])
    shortened = replace(task, real=replace(task.real, train=part))
    epochs = train_expert(shortened, settings, 1 + TIMED, generator)
    next(epochs)  # the initialisation
    return partial(next, epochs)


def probe_condensation(recipe: Recipe, task: Task, gauge: Gauge, seconds: float) -> tuple[Cost, int, str]:
    """(cost, bytes of the run folder, what was measured)."""
    with TemporaryDirectory() as temporary:
        folder, steps = Path(temporary), recipe.method.inner_steps
        experts = recipe.source(task).stand_ins(folder, recipe.seed)
        context = Context(task, recipe.seed, experts.trajectories, experts.teachers)
        method = _shortened(recipe, context, 1)
        if isinstance(method, OneShotMethod):
            made: list[Any] = []
            whole = gauge.once(lambda: made.append(method.distil()))
            write_set(made[0], folder / "set.h5")
            return whole, (folder / "set.h5").stat().st_size + PICTURES, "all of it"
        states: list[Any] = []
        begin = gauge.once(lambda: states.append(method.init()))

        def step(size: int) -> Callable[[], object]:
            shorter = _shortened(recipe, context, size)
            assert isinstance(shorter, IterativeMethod)
            return partial(shorter.step, states[0])

        line = gauge.line(step, steps, seconds)
        write_checkpoint(folder / "checkpoint.pt", 0, states[0])
        write_set(method.finish(states[0]), folder / "set.h5")
        checkpoint, finished = ((folder / name).stat().st_size for name in ("checkpoint.pt", "set.h5"))
    sets = min(SNAPSHOTS, method.iterations) + 2  # the initial and the last one too
    disk = checkpoint + sets * finished + METRICS_LINE * method.iterations + PICTURES
    total = begin.seconds + method.iterations * line.at(steps).seconds
    images = task.real.data.class_count * recipe.method.ipc
    growth = recipe.method.most_growth(images, task.net, gauge.free_memory)
    memory = line.at(steps).memory if growth is None else min(line.at(steps).memory, line.large.memory + growth)
    memory = max(begin.memory, memory)
    part = f" of {line.size} of {steps} student steps" if steps > 1 else ""
    return Cost(total, memory), disk, f"up to {TIMED} iterations{part}"


def _shortened(recipe: Recipe, context: Context, steps: int) -> Method:
    """The method with `steps` inner steps."""
    settings = recipe.method.shortened(steps)
    return image_method(settings.name)(settings, context)


def rows_of(recipe: Recipe) -> int:
    """Rows of a table beside the whole data: the set, its rivals, and random-real with the teachers' labels."""
    return 1 + RIVALS + (recipe.experts is not None and recipe.experts.gives == TEACHERS)


def probe_evaluation(
    settings: EvaluateSettings, images: int, rows: int, task: Task, gauge: Gauge, seconds: float
) -> tuple[Cost, str]:
    """(cost of training on `rows` sets of `images` each, and on the whole data, and of judging the networks, as many
    rows at once as the evaluation scores; what was measured). Drawing the rivals is left out."""
    at_once = rows_at_once(task, settings)
    with one_thread() if at_once > 1 else nullcontext():  # as in a process of its own
        cost = _probe_evaluation(settings, images, rows, at_once, task, gauge, seconds)
    return cost, "the first steps of each kind of set"


def _probe_evaluation(
    settings: EvaluateSettings, images: int, rows: int, at_once: int, task: Task, gauge: Gauge, seconds: float
) -> Cost:
    real = task.real
    sets = {images: rows} | ({len(real.train): 1} if settings.whole else {})
    networks = len(LR_GRIDS[settings.optimiser]) * settings.nets
    idle = gauge.once(lambda: None).memory
    costs = [
        (rows, _training(settings, task, gauge, size, networks, seconds / len(sets))) for size, rows in sets.items()
    ]
    part = Part(real.validation.images[:TOGETHER], real.validation.labels[:TOGETHER])
    theta = task.net.init(stream(0, "plan")).to(part.images.device)
    stats = {name: value[None] for name, value in task.net.init_stats(theta).items()}
    judge = Trained(task.net, theta[None], stats)
    one = gauge.cost(lambda: judge.accuracy(part), seconds)
    judged = networks * len(real.validation) + settings.nets * len(real.data.test_labels)
    judging = judged / len(part) * one.seconds
    each = [judging + cost.seconds for rows, cost in costs for _ in range(rows)]
    memory = max(one.memory + _rivals_memory(real), *(cost.memory for _, cost in costs))
    memory += (min(at_once, len(each)) - 1) * (memory - idle)
    memory += 4 * real.data.test_images.numel()  # is preprocessed when the first row is judged, and stays
    return Cost(makespan(each, at_once), memory)


def makespan(seconds: Sequence[float], workers: int) -> float:
    """What independent units take together on so many workers, when the longest is begun first."""
    busy = [0.0] * workers
    for own in sorted(seconds, reverse=True):
        first = busy.index(min(busy))
        busy[first] += own
    return max(busy)


def _rivals_memory(real: RealData) -> int:
    """Bytes that k-means takes to choose from the largest class: its images as float32, and twice as float64."""
    return int(real.train.labels.bincount().max()) * real.train.images[0].numel() * (4 + 2 * 8)


def _training(settings: EvaluateSettings, task: Task, gauge: Gauge, size: int, networks: int, seconds: float) -> Cost:
    """What training all networks of one row takes, on a set of `size` images."""
    train = task.real.train
    full = honest_training(settings, size).steps

    def prepare(count: int, steps: int) -> Callable[[], object]:
        members, lr = torch.arange(size).expand(count, -1), torch.full((count,), LR_GRIDS[settings.optimiser][0])
        training = Training(steps=steps, batch=settings.batch, drop_at=steps)
        pool, generator = Pool(train.images, train.labels, members), stream(0, "plan")
        return lambda: train_networks(task.net, pool, lr, training, task.dsa, generator)

    idle, one = gauge.once(lambda: None), gauge.cost(prepare(1, 1), seconds)
    # all networks at once where a step of theirs is affordable, else one, for networks are trained alike
    count = networks if (2 + TIMED) * networks * one.seconds < seconds else 1
    line, share = gauge.line(partial(prepare, count), full, seconds), networks / count
    # batches are prepared CHUNK steps ahead; later steps need no more memory
    memory = line.at(min(full, max(CHUNK, line.size))).memory - idle.memory
    return Cost(share * line.at(full).seconds, idle.memory + round(share * max(0, memory)))


def _process_memory(entry: str) -> int:
    """VmRSS or VmHWM of this process in bytes; where there is no /proc, the most it ever held."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(x.split()[1]) * 1024 for x in status.read_text().splitlines() if x.startswith(entry))
    import resource  # not on Windows, where the rest shall still be importable

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
