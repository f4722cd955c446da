"""Helpers of tests of forked processes."""

import time
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ddkit.executors import Watch, processes
from ddkit.executors.child import fork


@dataclass(frozen=True)
class Numbered:
    """A unit whose work is a generator function of its number, which all units share. It reports what that yields."""

    number: int

    def run(self, common, report):
        items = []
        for item in common(self.number):
            items.append(item)
            report(item)
        return items


def in_processes(work, numbers, count, watch=lambda: None, lost=lambda line: None):
    units = [Numbered(number) for number in numbers]
    both = Watch(lambda unit, item: watch(), lost)
    with closing(processes.in_processes(units, partial(fork, work), count, both)) as finished:
        for unit, items in finished:
            yield unit.number, items


def gone(pid: int) -> bool:
    """Whether it has ended; its parent may not have waited for it yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_for(truth) -> None:
    deadline = time.monotonic() + 30
    while not truth():
        assert time.monotonic() < deadline
        time.sleep(0.01)
