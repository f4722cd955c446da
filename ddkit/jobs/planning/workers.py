"""The workers of the executor in use, as a plan assumes them for the units of one stage."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch

from ddkit.executors import Executor, Needs, executor_in_use
from ddkit.jobs.machine.threads import one_thread
from ddkit.jobs.planning.gauge import Cost
from ddkit.jobs.planning.makespan import makespan


@dataclass(frozen=True)
class Workers:
    """The workers of an executor.

    Attributes:
        count: units that run at the same time.
        beside: how many of these share one memory, that of this machine or of one of its GPUs. It is 1 if the workers
            are on other machines.
        separate: whether each is a process of its own, which has one thread.
    """

    count: int
    beside: int
    separate: bool

    @staticmethod
    def of(needs: Needs, executor: Executor | None = None) -> "Workers":
        """The workers of `executor` for units with these needs; default: the executor in use."""
        executor = executor or executor_in_use()
        count = executor.at_once(needs)
        memories = torch.cuda.device_count() if needs.device.type == "cuda" else 1
        beside = 1 if executor.elsewhere else -(-count // memories)
        return Workers(count, beside, separate=count > 1 or executor.name != "local")

    def threads(self) -> AbstractContextManager[None]:
        """A block in which this process has as many threads as a worker."""
        return one_thread() if self.separate else nullcontext()

    def cost(self, seconds: Sequence[float], one: Cost, idle: int = 0, longest_first: bool = True) -> Cost:
        """The cost of units: the time of the critical path, and the peak memory of the units that share one.

        Args:
            seconds: of each unit.
            one: the cost of the unit with the most memory.
            idle: bytes that units share.
            longest_first: whether the longest unit begins first; else units begin in their order.
        """
        more = min(self.beside, len(seconds)) - 1
        memory = one.memory + more * max(0, one.memory - idle)
        return Cost(makespan(seconds, self.count, longest_first), memory, len(seconds), min(self.count, len(seconds)))
