"""Train experts: in stacks on CUDA, in processes of their own on a CPU."""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ddkit.errors import UsageError
from ddkit.experts.settings import ExpertSettings
from ddkit.experts.train import train_experts
from ddkit.memory import out_of_memory
from ddkit.randomness import stream
from ddkit.run import Report, how_many, work_through
from ddkit.task import Task

STACK = 8
"""Experts that are trained as one stack on CUDA, if its memory suffices."""

Group = tuple[int, ...]
Epoch = tuple[np.ndarray, np.ndarray]


def no_watch() -> None:
    """The default watch, which does nothing."""


@dataclass(frozen=True)
class TrainExperts:
    """A unit of work: train the experts of these numbers together for `epochs` epochs on the units' common task.

    Expert e draws from stream(seed, "expert", e) only. The unit reports (parameters [n, P], mean training losses [n])
    at the initialisation and after each epoch.
    """

    settings: ExpertSettings
    epochs: int
    numbers: Group

    def run(self, common: Task, report: Report) -> None:
        generators = [stream(self.settings.seed, "expert", number) for number in self.numbers]
        for theta, losses in train_experts(common, self.settings, self.epochs, generators):
            report((_on_cpu(theta), _on_cpu(losses)))
        if common.device.type == "cuda":
            torch.cuda.synchronize(common.device)  # until all copies are complete


def train_all(
    task: Task,
    settings: ExpertSettings,
    epochs: int,
    experts: Sequence[int],
    watch: Callable[[], None] = no_watch,
) -> Generator[tuple[int, Tensor, Tensor], None, None]:
    """Yield (number, snapshots [epochs + 1, P], mean training losses [epochs + 1]) of each expert that is complete.

    The tensors are on the CPU; the order of the experts may differ from `experts`. On CUDA, a stack of experts is
    trained at a time. On a CPU, each expert is trained in a process of its own, as many at once as there are cores; if
    processes cannot be forked, the experts are trained one after another in this process.

    `watch` is called for each expert's initialisation and for each of its epochs. On CUDA it is called when an epoch is
    launched, because no step waits for the device.
    """
    if task.device.type == "cuda":
        trained = in_stacks(
            lambda group, report: TrainExperts(settings, epochs, group).run(task, report), experts, watch
        )
    else:
        trained = in_processes(task, [TrainExperts(settings, epochs, (expert,)) for expert in experts], watch)
    with closing(trained) as finished:
        for group, found in finished:
            snapshots, losses = (torch.from_numpy(np.stack(column)) for column in zip(*found, strict=True))
            yield from zip(group, snapshots.unbind(1), losses.unbind(1), strict=True)


def in_processes(
    task: Task, units: Sequence[TrainExperts], watch: Callable[[], None]
) -> Generator[tuple[Group, list[Epoch]], None, None]:
    """Yield (numbers, reports) of each unit, run in processes of their own."""
    with closing(work_through(units, task, how_many(task.device), lambda unit, epoch: watch())) as finished:
        for unit, found in finished:
            yield unit.numbers, found


def in_stacks(
    train: Callable[[Group, Report], None], experts: Sequence[int], watch: Callable[[], None] = no_watch
) -> Generator[tuple[Group, list[Epoch]], None, None]:
    """Yield (group, reports) for groups of STACK experts. The size is halved whenever the device's memory is too small.

    Raises:
        UsageError: a single expert does not fit.
    """
    size, first = STACK, 0
    while first < len(experts):
        group = tuple(experts[first : first + size])
        trained: list[Epoch] = []

        def report(epoch: Epoch, trained: list[Epoch] = trained, size: int = len(group)) -> None:
            trained.append(epoch)
            for _ in range(size):
                watch()

        try:
            train(group, report)
        except RuntimeError as error:
            if not out_of_memory(error):
                raise
            size = len(group) // 2
            if size == 0:
                raise UsageError(
                    "experts: a single one does not fit into the device's memory; lower experts.batch or net.width"
                ) from None
            continue
        yield group, trained
        first += len(group)


def _on_cpu(values: Tensor) -> np.ndarray:
    """A copy on the CPU, complete once the device is synchronised.

    The copy is asynchronous if memory can be pinned, which a container may forbid.
    """
    if not values.is_cuda:
        return values.numpy()
    try:
        host = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
    except RuntimeError:
        return values.cpu().numpy()
    return host.copy_(values, non_blocking=True).numpy()
