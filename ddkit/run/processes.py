"""Does units of work in several processes.

Workers are processes and not threads, because a step of a small network consists of about a hundred short kernels. Two
Python threads pass the interpreter's lock to each other at each kernel, and two OpenMP threads wait for each other at
the end of each; two processes share nothing. Two processes are the fastest of the three for all sizes of networks.

No child outlives its parent: a child that gets a signal to end is killed after a second.
"""

import time
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from typing import Any

from ddkit.errors import DDKitError
from ddkit.run.held_signals import held_back
from ddkit.run.unit import SomeUnit, Watch, no_watch
from ddkit.run.worker_process import ENDS, TERMINATED, start_process

PATIENCE = 1.0
"""Seconds that a child has for cleaning up. After a child was ended by a signal, the parent waits as long for its own
signal, because a batch system sends signals to all processes one after another."""


def in_processes(
    units: Sequence[SomeUnit], common: Any, count: int, watch: Watch = no_watch
) -> Generator[tuple[SomeUnit, list[Any]], None, None]:
    """Do what `work_through` does in further processes. Each has one thread and does one unit after another."""
    waiting, running = list(units), dict[Any, _Running]()
    try:
        while waiting and len(running) < count:
            with held_back(ENDS):  # else a signal could come before `running` contains the process
                pipe, process = start_process(common, list(running))
                running[pipe] = _Running(process)
            running[pipe].begin(pipe, waiting)
        while running:
            for ready in connection.wait(list(running)):
                child = running[ready]
                before = len(child.items)
                ended = child.receive(ready)
                if len(child.items) > before:
                    watch(child.unit, child.items[-1])
                if ended:
                    finished = child.unit, child.items
                    if not child.begin(ready, waiting):
                        del running[ready]
                    yield finished
    finally:
        try:
            _end([child.process for child in running.values()])
        except KeyboardInterrupt:  # a second interrupt, perhaps before any process got its signal
            _kill([child.process for child in running.values()])
            raise


def _end(processes: list[BaseProcess]) -> None:
    """Signal processes to end, and kill those that do not end within PATIENCE."""
    try:
        for process in processes:
            process.terminate()
        deadline = time.monotonic() + PATIENCE
        for process in processes:
            process.join(max(0.0, deadline - time.monotonic()))
    finally:
        _kill(processes)


def _kill(processes: list[BaseProcess]) -> None:
    with held_back(ENDS):
        for process in processes:
            process.kill()
        for process in processes:
            process.join()


@dataclass
class _Running:
    """A process, its current unit, and the unit's reports."""

    process: BaseProcess
    unit: Any = None
    items: list[Any] = field(default_factory=list)

    def begin(self, pipe: Any, waiting: list[Any]) -> bool:
        """Send the next unit to the process. Return False if there is none; the process then ends."""
        with suppress(BrokenPipeError):  # the process was killed while idle; `receive` raises the error
            pipe.send(waiting[:1])
        if not waiting:
            self.process.join()
            return False
        self.unit, self.items = waiting.pop(0), []
        return True

    def receive(self, pipe: Any) -> bool:
        """Receive one message. Return whether it was the unit's last."""
        try:
            kind, value = pipe.recv()
        except (EOFError, ConnectionResetError):
            self.process.join()
            code = self.process.exitcode
            if code == TERMINATED:
                time.sleep(PATIENCE)  # wait for this process's own signal, which gives the reason
            how = f"was killed by signal {-code}" if code and code < 0 else f"ended too early (exit code {code})"
            raise DDKitError(
                f"a process at work {how}; if memory is short, set OMP_NUM_THREADS=1, which does one "
                "unit at a time; run again to continue"
            ) from None
        if kind == "error":
            raise value
        if kind == "item":
            self.items.append(value)
        return bool(kind == "end")
