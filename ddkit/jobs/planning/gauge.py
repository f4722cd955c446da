"""Measures the seconds and the peak memory of work that is called, and extrapolates them to larger work."""

import importlib
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch

from ddkit.memory import free_memory

TIMED = 2
"""Calls that are timed, after a first one that compiles, captures and fills caches."""

LIBRARIES = ("scipy.stats", "sklearn.cluster", "sklearn.datasets", "sklearn.model_selection")
"""Libraries that a job imports on first use. A gauge imports them before it measures, since their memory (more than
150 MB) and import time belong to no stage of the work."""


@dataclass(frozen=True)
class Cost:
    """What some work costs.

    Attributes:
        seconds: from its begin to its end.
        memory: peak bytes that data and work add to an empty process.
        units: number of its units, which may run at the same time.
        at_once: units that run at the same time.
    """

    seconds: float
    memory: int
    units: int = 1
    at_once: int = 1


@dataclass(frozen=True)
class Line:
    """Cost as a linear function of the size of the work.

    Attributes:
        small: cost at size 1.
        large: cost at size `size`.
        size: the largest size that was measured.
    """

    small: Cost
    large: Cost
    size: int

    def at(self, size: int) -> Cost:
        """The cost at a size; at the measured sizes it is the measured cost."""
        if size == self.size:
            return self.large
        share = (size - 1) / (self.size - 1)
        seconds = max(0.0, self.large.seconds - self.small.seconds)
        memory = max(0, self.large.memory - self.small.memory)
        return Cost(self.small.seconds + share * seconds, self.small.memory + round(share * memory))


class Gauge:
    """Measures work on one device: the device's memory on CUDA, else the process's memory.

    It must be made before data is loaded, so that the data counts. It imports `libraries` (None: `LIBRARIES`), so that
    they do not count. Memory is counted from what the process used when the gauge was made. If it uses less before a
    later call, because garbage was freed or the system dropped pages of libraries, memory is counted from that value.

    Attributes:
        free_memory: bytes that were free when the gauge was made.
    """

    def __init__(self, device: torch.device, libraries: Sequence[str] | None = None) -> None:
        for library in LIBRARIES if libraries is None else libraries:
            importlib.import_module(library)
        self._device = device
        self.free_memory = free_memory(device)
        self._initial = self._memory()

    def cost(self, work: Callable[[], object], seconds: float) -> Cost:
        """The least time of up to TIMED calls after a first one. No call begins once `seconds` are used up.

        The least time is the best estimate, because other processes can only slow a call down.
        """
        costs = [self.once(work)]
        while len(costs) <= TIMED and sum(cost.seconds for cost in costs) < seconds:
            costs.append(self.once(work))
        timed = costs[1:] or costs
        return Cost(min(cost.seconds for cost in timed), max(cost.memory for cost in costs))

    def line(
        self, prepare: Callable[[int], Callable[[], object]], full: int, seconds: float, small: Cost | None = None
    ) -> Line:
        """The costs of the work `prepare(size)` for sizes up to `full`, measured in about `seconds`.

        At least sizes 1 and 2 are measured, even if that takes longer: one size does not determine a line. `small` is
        the cost of size 1, if it was measured before.
        """
        if small is None:
            prepare(1)()  # kernels are compiled once a process or once a machine
            small = self.cost(prepare(1), seconds / 2)
        size = min(full, max(2, int(seconds / (1 + TIMED) / small.seconds)))
        return Line(small, small if size == 1 else self.cost(prepare(size), seconds), size)

    def once(self, work: Callable[[], object]) -> Cost:
        """The cost of one call."""
        self._initial = min(self._initial, self._memory())
        on_cuda = self._device.type == "cuda"
        if on_cuda:
            torch.cuda.reset_peak_memory_stats(self._device)
        else:
            with suppress(OSError):  # without Linux's /proc, the peak is that of the whole process, which is not less
                Path("/proc/self/clear_refs").write_text("5")
        begin = time.perf_counter()
        work()
        if on_cuda:
            torch.cuda.synchronize(self._device)
        seconds = time.perf_counter() - begin
        peak = torch.cuda.max_memory_allocated(self._device) if on_cuda else _process_memory("VmHWM")
        return Cost(seconds, max(0, peak - self._initial))

    def _memory(self) -> int:
        on_cuda = self._device.type == "cuda"
        return torch.cuda.memory_allocated(self._device) if on_cuda else _process_memory("VmRSS")


def _process_memory(field: str) -> int:
    """The field VmRSS or VmHWM of this process in bytes; without /proc, the peak of the process."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(x.split()[1]) * 1024 for x in status.read_text().splitlines() if x.startswith(field))
    import resource  # missing on Windows, where this module must still be importable

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
