"""Run units on this machine: on a CPU in one process a core, on GPUs in one process a GPU.

On a CPU, workers are forked, so that they have the common object without a copy. They are processes and not threads,
because a step of a small network consists of about a hundred short kernels. Two Python threads pass the interpreter's
lock to each other at each kernel, and two OpenMP threads wait for each other at the end of each; two processes share
nothing. Two processes are the fastest of the three for all sizes of networks.

Forking is safe here as it is for PyTorch's DataLoader: a child has one thread and uses no GPU, and no other thread of
ddkit runs when it is forked (see `ddkit.run.progress`).

On several GPUs, each worker is a new process that sees one GPU. With one GPU, units run in this process.
"""

import os
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from typing import Any, ClassVar

import torch

from ddkit.executors.child import fork, spawn
from ddkit.executors.contract import Needs, SomeUnit, Watch
from ddkit.executors.cores import process_count
from ddkit.executors.messages import packed
from ddkit.executors.processes import in_processes
from ddkit.memory import free_memory


@dataclass(frozen=True)
class LocalExecutor:
    """Runs units on this machine.

    Attributes:
        workers: the most units at once; None: one a core, or one a GPU. On GPUs it may be larger than the number of
            GPUs, which then have several workers each.

    Example:
        >>> LocalExecutor(workers=1).at_once(Needs(torch.device("cpu")))
        1
    """

    workers: int | None = None
    name: ClassVar[str] = "local"
    elsewhere: ClassVar[bool] = False

    def at_once(self, needs: Needs) -> int:
        """On a CPU one unit a core, limited by memory; on CUDA one a GPU, or as many as `workers` says."""
        if needs.device.type == "cuda":
            return self.workers or torch.cuda.device_count()
        count = process_count()
        if self.workers is not None:
            count = min(count, self.workers) if count == 1 else self.workers
        if needs.memory:
            count = min(count, free_memory(needs.device) // needs.memory)
        return max(1, count)

    def run(
        self, units: Sequence[SomeUnit], common: Any, needs: Needs, watch: Watch
    ) -> Generator[tuple[SomeUnit, Any], None, None]:
        count = self.at_once(needs)
        if count == 1 or not units:
            for unit in units:
                yield unit, unit.run(common, partial(watch.progress, unit))
        elif needs.device.type == "cuda":
            gpus, shared = cycle(_gpus()), packed(common)
            yield from in_processes(units, lambda _: spawn(shared, next(gpus)), count, watch)
        else:
            yield from in_processes(units, partial(fork, common), count, watch)


def _gpus() -> list[str]:
    """The names of the GPUs that this process sees, for CUDA_VISIBLE_DEVICES."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    return named.split(",") if named else [str(number) for number in range(torch.cuda.device_count())]
