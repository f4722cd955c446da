"""Independent pieces of a job, a process on each core."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from typing import TypeVar

import torch

from ddkit.experts.processes import at_once, process_count
from ddkit.run import Meter

Task = TypeVar("Task")


def spread(work: Callable[[Task], None], tasks: Sequence[Task], device: torch.device, title: str, meter: Meter) -> None:
    """Do the work for every task, which leaves its results in files: a process on each core; on CUDA, or where
    processes cannot be forked, one task after another. The first error ends it; what was finished is kept."""
    if not tasks:
        return
    meter.start(title, len(tasks))
    count = 1 if device.type == "cuda" else process_count()

    def do(number: int) -> Iterable[None]:  # a process has the tasks by the fork; only their numbers travel
        work(tasks[number])
        return ()

    with closing(at_once(do, range(len(tasks)), count)) as finished:
        for done, _ in enumerate(finished, start=1):
            meter.advance(done)
    meter.finish()
