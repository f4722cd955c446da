"""The expert factory: which experts are trained together, and where."""

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing

import numpy as np
import torch
from torch import Tensor

from ddkit.errors import UsageError
from ddkit.experts.processes import at_once, no_watch, process_count
from ddkit.experts.settings import ExpertSettings
from ddkit.experts.train import train_experts
from ddkit.memory import out_of_memory
from ddkit.randomness import stream
from ddkit.task import Task

STACK = 8
"""Experts trained as one stack on CUDA, where they fit into its memory."""

Group = Sequence[int]
Epoch = tuple[np.ndarray, np.ndarray]


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
    and where processes cannot be forked one after another here. Expert e draws from stream(seed, "expert", e) alone.
    `watch` is called for each expert's initialisation and each of its epochs; on CUDA, where nothing waits for the
    device, once they are under way.
    """

    on_cuda = task.device.type == "cuda"

    def train(group: Group) -> Iterable[Epoch]:
        generators = [stream(settings.seed, "expert", expert) for expert in group]
        for theta, losses in train_experts(task, settings, epochs, generators):
            yield _leave(theta), _leave(losses)
        if on_cuda:
            torch.cuda.synchronize(task.device)  # the copies that are on their way

    alone = [[expert] for expert in experts]
    trained_groups = in_stacks(train, experts, watch) if on_cuda else at_once(train, alone, process_count(), watch)
    with closing(trained_groups) as finished:
        for group, trained in finished:
            snapshots, losses = (torch.from_numpy(np.stack(column)) for column in zip(*trained, strict=True))
            yield from zip(group, snapshots.unbind(1), losses.unbind(1), strict=True)


def in_stacks(
    train: Callable[[Group], Iterable[Epoch]], experts: Sequence[int], watch: Callable[[], None] = no_watch
) -> Generator[tuple[Group, list[Epoch]], None, None]:
    """Yield (group, what training it gave) for groups of STACK experts, or of half as many, and so on, once a group has
    not fitted into the device's memory.

    Raises:
        UsageError: one expert alone does not fit.
    """
    size, first = STACK, 0
    while first < len(experts):
        group = experts[first : first + size]
        try:
            trained = []
            for epoch in train(group):
                trained.append(epoch)
                for _ in group:
                    watch()
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
