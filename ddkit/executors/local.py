"""Run units on this machine: on a CPU in one process a core, on several GPUs in one process a GPU.

On a CPU, workers are forked, so that they have the common object without a copy. They are processes and not threads,
because a step of a small network consists of about a hundred short kernels. Two Python threads pass the interpreter's
lock to each other at each kernel, and two OpenMP threads wait for each other at the end of each; two processes share
nothing. Two processes are the fastest of the three for all sizes of networks.

Forking is safe here as it is for PyTorch's DataLoader: a child has one thread and uses no GPU, and no other thread of
ddkit runs when it is forked (see `ddkit.run.progress`).

On several GPUs, each worker is a new process that sees one GPU. With one GPU, units run in this process.
"""

import os
import warnings
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from typing import Any, ClassVar

import torch

from ddkit.errors import DDKitWarning
from ddkit.executors.child import fork, spawn
from ddkit.executors.contract import Needs, SomeUnit, Unit, Watch
from ddkit.executors.cores import is_worker, process_count, why_not_fork
from ddkit.executors.messages import packed
from ddkit.executors.processes import in_processes
from ddkit.executors.room import fit, together
from ddkit.files import size_text
from ddkit.memory import free_memory


@dataclass(frozen=True)
class LocalExecutor:
    """Runs units on this machine.

    Attributes:
        workers: the number of units at once. It may exceed the number of cores or GPUs, which then share the work, and
            it has priority over OMP_NUM_THREADS. None: one a core (at most OMP_NUM_THREADS), or one a GPU; on several
            GPUs two a GPU if their memory is known and fits.

    Fewer units run at once if memory is too small for them (where their memory is known). On a CPU they run one at a
    time where forking is unsafe: outside Linux, on a machine with a GPU, and in a process that is connected to Ray. A
    warning then gives the reason.

    Example:
        >>> LocalExecutor(workers=1).at_once(Needs(torch.device("cpu")))
        1
    """

    workers: int | None = None
    name: ClassVar[str] = "local"
    elsewhere: ClassVar[bool] = False

    def at_once(self, needs: Needs) -> int:
        return self._at_once(needs)[0]

    def count(self, units: Sequence[Unit], needs: Needs) -> int:
        """The number of units at once. If it is less than `workers` and the units allow, a warning gives the reason."""
        count, reason = self._at_once(needs)
        if self.workers is not None and count < min(self.workers, len(units)) and not is_worker():
            warnings.warn(
                DDKitWarning(f"executor 'local': runs {count} at once, not {self.workers}: {reason}"), stacklevel=3
            )
        return count

    def _at_once(self, needs: Needs) -> tuple[int, str]:
        """(the number of units at once, why it is less than `workers`)."""
        if needs.device.type == "cuda":
            return self._on_gpus(needs, torch.cuda.device_count())
        if reason := why_not_fork():
            return 1, reason
        count = self.workers or process_count()
        if needs.memory and (most := max(1, (free := free_memory(needs.device)) // needs.memory)) < count:
            return most, f"one needs about {size_text(needs.memory)} of memory, and {size_text(free)} are free"
        return count, ""

    def _on_gpus(self, needs: Needs, gpus: int) -> tuple[int, str]:
        """What `_at_once` returns for work on GPUs.

        With one GPU and without `workers`, units run one after another in this process. A second process on the only
        GPU must import everything anew, and needs a script with a guard.
        """
        if not needs.memory or (gpus == 1 and self.workers is None):
            return self.workers or gpus, ""
        free = free_memory(needs.device)
        if self.workers is None:
            return gpus * together(needs, free), ""
        if (most := gpus * fit(needs, free)) < self.workers:
            return most, f"one needs about {size_text(needs.memory)} of a GPU's memory, and {size_text(free)} are free"
        return self.workers, ""

    def run(
        self, units: Sequence[SomeUnit], common: Any, needs: Needs, watch: Watch
    ) -> Generator[tuple[SomeUnit, Any], None, None]:
        count = self.count(units, needs)
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
