"""The expert factory: which experts are trained together, and where."""

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
"""Experts trained as one stack on CUDA, where they fit into its memory."""

Group = tuple[int, ...]
Epoch = tuple[np.ndarray, np.ndarray]


def no_watch() -> None:
    """Nobody watches."""


@dataclass(frozen=True)
class TrainExperts:
    """A unit of work: train experts of these numbers together for `epochs` epochs on the task that all units share.

    Expert e draws from stream(seed, "expert", e) alone. It reports (parameters [n, P], mean training losses [n]) at
    the initialisation and after each epoch.
    """

    settings: ExpertSettings
    epochs: int
    numbers: Group

    def run(self, common: Task, report: Report) -> None:
        generators = [stream(self.settings.seed, "expert", number) for number in self.numbers]
        for theta, losses in train_experts(common, self.settings, self.epochs, generators):
            report((_leave(theta), _leave(losses)))
        if common.device.type == "cuda":
            torch.cuda.synchronize(common.device)  # the copies that are on their way


def grow(
    task: Task,
    settings: ExpertSettings,
    epochs: int,
    experts: Sequence[int],
    watch: Callable[[], None] = no_watch,
) -> Generator[tuple[int, Tensor, Tensor], None, None]:
    """Yield (number, snapshots [epochs + 1, P], mean training losses [epochs + 1]), on the CPU, of each expert when it
    is complete, not always in the order asked for.

    On CUDA a stack of experts at a time; on a CPU each in a process of its own, as many at once as there are cores,
    and where processes cannot be forked one after another here. `watch` is called for each expert's initialisation and
    each of its epochs; on CUDA, where nothing waits for the device, once they are under way.
    """
    if task.device.type == "cuda":
        trained = in_stacks(
            lambda group, report: TrainExperts(settings, epochs, group).run(task, report), experts, watch
        )
    else:
        trained = each_alone(task, [TrainExperts(settings, epochs, (expert,)) for expert in experts], watch)
    with closing(trained) as finished:
        for group, found in finished:
            snapshots, losses = (torch.from_numpy(np.stack(column)) for column in zip(*found, strict=True))
            yield from zip(group, snapshots.unbind(1), losses.unbind(1), strict=True)


def each_alone(
    task: Task, units: Sequence[TrainExperts], watch: Callable[[], None]
) -> Generator[tuple[Group, list[Epoch]], None, None]:
    """Yield (numbers, what training gave) of units that do not share a stack."""
    with closing(work_through(units, task, how_many(task.device), lambda unit, epoch: watch())) as finished:
        for unit, found in finished:
            yield unit.numbers, found


def in_stacks(
    train: Callable[[Group, Report], None], experts: Sequence[int], watch: Callable[[], None] = no_watch
) -> Generator[tuple[Group, list[Epoch]], None, None]:
    """Yield (group, what training it gave) for groups of STACK experts, or of half as many, and so on, once a group has
    not fitted into the device's memory.

    Raises:
        UsageError: one expert alone does not fit.
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
                    "experts: one alone does not fit into the device's memory; lower experts.batch or net.width"
                ) from None
            continue
        yield group, trained
        first += len(group)


def _leave(values: Tensor) -> np.ndarray:
    """A copy on the CPU, complete once the device is synchronised. The device does not wait for it where memory can be
    pinned (a container may forbid that)."""
    if not values.is_cuda:
        return values.numpy()
    try:
        host = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
    except RuntimeError:
        return values.cpu().numpy()
    return host.copy_(values, non_blocking=True).numpy()
