"""Train experts: on CUDA several as one stack, on a CPU each in a process of its own."""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from ddkit.errors import UsageError
from ddkit.executors import Needs, Report, Watch, executor_in_use
from ddkit.experts.memory import expert_needs
from ddkit.experts.settings import ExpertSettings
from ddkit.experts.train import train_experts
from ddkit.memory import out_of_memory
from ddkit.randomness import stream
from ddkit.task import Task

STACK = 8
"""Experts that are trained as one stack on CUDA, if its memory suffices."""

Group = tuple[int, ...]
Trained = tuple[np.ndarray, np.ndarray]
"""(parameters [epochs + 1, n, P], mean training losses [epochs + 1, n]) of n experts."""


@dataclass(frozen=True)
class TrainExperts:
    """A unit of work: train the experts of these numbers as one stack for `epochs` epochs on the units' common task.

    Expert e draws from stream(seed, "expert", e) only. If the stack does not fit into the device's memory, its halves
    are trained one after the other. The unit reports the number of finished epochs, summed over its experts; an
    initialisation counts as an epoch. Epochs on CUDA are reported when they are launched, as no step waits for the
    device.
    """

    settings: ExpertSettings
    epochs: int
    numbers: Group

    def run(self, common: Task, report: Report) -> Trained:
        """Train them.

        Raises:
            UsageError: a single expert does not fit.
        """
        return in_stack(self._train, common, self.numbers, report)

    def _train(self, task: Task, numbers: Group, report: Report) -> Trained:
        generators = [stream(self.settings.seed, "expert", number) for number in numbers]
        found = []
        for theta, losses in train_experts(task, self.settings, self.epochs, generators):
            found.append((_on_cpu(theta), _on_cpu(losses)))
            report(len(found) * len(numbers))
        if task.device.type == "cuda":
            torch.cuda.synchronize(task.device)  # until all copies are complete
        snapshots, means = zip(*found, strict=True)
        return np.stack(snapshots), np.stack(means)


@runtime_checkable
class TrainStack(Protocol):
    """Trains experts as one stack."""

    def __call__(self, task: Task, numbers: Group, report: Report) -> Trained: ...


def in_stack(train: TrainStack, task: Task, numbers: Group, report: Report) -> Trained:
    """`train` all experts as one stack. If memory is too small, train the halves one after the other.

    Raises:
        UsageError: a single expert does not fit.
    """
    try:
        return train(task, numbers, report)
    except RuntimeError as error:
        if not out_of_memory(error):
            raise
    half = len(numbers) // 2
    if half == 0:
        raise UsageError(
            "experts: a single one does not fit into the device's memory; lower experts.batch or net.width"
        )
    first = in_stack(train, task, numbers[:half], report)
    before = first[1].size
    second = in_stack(train, task, numbers[half:], lambda epochs: report(before + epochs))
    return np.concatenate([first[0], second[0]], axis=1), np.concatenate([first[1], second[1]], axis=1)


def train_all(
    task: Task, settings: ExpertSettings, epochs: int, experts: Sequence[int], watch: Watch | None = None
) -> Generator[tuple[int, Tensor, Tensor], None, None]:
    """Yield (number, snapshots [epochs + 1, P], mean training losses [epochs + 1]) of each expert that is complete.

    The tensors are on the CPU; the order of the experts may differ from `experts`. The executor in use trains them: on
    CUDA in stacks, on a CPU one expert a unit.

    Args:
        watch: its `progress` gets a `TrainExperts` and the number of its finished epochs, summed over its experts.
    """
    executor, size = executor_in_use(), 1
    if task.device.type == "cuda":  # a stack is faster than as many processes, so stacks are divided over the GPUs only
        size = max(1, min(STACK, -(-len(experts) // executor.at_once(Needs(task.device)))))
    needs = expert_needs(task, settings, epochs + 1, size)
    units = [
        TrainExperts(settings, epochs, tuple(experts[first : first + size])) for first in range(0, len(experts), size)
    ]
    with closing(executor.run(units, task, needs, watch or Watch())) as finished:
        for unit, (snapshots, losses) in finished:
            columns = torch.from_numpy(snapshots).unbind(1), torch.from_numpy(losses).unbind(1)
            yield from zip(unit.numbers, *columns, strict=True)


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
