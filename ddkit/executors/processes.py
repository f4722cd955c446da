"""Run units in worker processes of this machine, and run a unit again if its worker was killed."""

import time
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from typing import Any

from ddkit.errors import DDKitError, UsageError
from ddkit.executors.child import ENDS, TERMINATED, UNGUARDED, Start
from ddkit.executors.contract import RETRIES, SomeUnit, Watch
from ddkit.executors.messages import unpacked
from ddkit.executors.signals import held_back

PATIENCE = 1.0
"""Seconds that a child has for cleaning up. After a child was ended by a signal, the parent waits as long for its own
signal, because a batch system sends signals to all processes one after another."""


def in_processes(
    units: Sequence[SomeUnit], start: Start, count: int, watch: Watch
) -> Generator[tuple[SomeUnit, Any], None, None]:
    """Yield (unit, result) of each unit. Up to `count` processes do one unit after another.

    If a process is killed, its unit is run again, and the pool shrinks by one process (but not to zero), because a lack
    of memory may be the reason. No process is left when the iterator ends, also by an interrupt.

    Raises:
        DDKitError: the error of a unit; or a process was ended by the system, or processes were killed too often.
    """
    pool = Pool(list(units), start, watch)
    try:
        for _ in range(min(count, len(units))):
            pool.add()
        while pool.children:
            for ready in connection.wait(list(pool.children)):
                yield from pool.receive(ready)
    finally:
        pool.close()


@dataclass
class _Child:
    """A process, its unit, and since when it works on it."""

    process: BaseProcess
    unit: Any = None
    begin: float = 0.0


@dataclass
class Pool:
    """The processes at work, the units that wait, and how often each unit's process was killed."""

    waiting: list[Any]
    start: Start
    watch: Watch
    children: dict[Any, _Child] = field(default_factory=dict)
    killed: dict[int, int] = field(default_factory=dict)

    def add(self) -> None:
        """Start one more process.

        Raises:
            DDKitError: the system starts none, for example because of a limit of processes or of memory.
        """
        with held_back(ENDS):  # else a signal could come before `children` contains the process
            try:
                pipe, process = self.start(list(self.children))
            except OSError as error:
                raise DDKitError(
                    f"a process cannot be started beside {len(self.children)} others: {error.strerror or error}; use "
                    "workers=1, which starts none, or raise the limit of processes (ulimit -u) or of memory"
                ) from error
            self.children[pipe] = _Child(process)
        self._give(pipe)

    def _give(self, pipe: Any) -> None:
        """Send the next unit to a process. If there is none, the process ends."""
        child = self.children[pipe]
        with suppress(BrokenPipeError):  # the process was killed while idle; `receive` finds out
            pipe.send(self.waiting[:1])
        if self.waiting:
            child.unit, child.begin = self.waiting.pop(0), time.monotonic()
        else:
            child.process.join()
            del self.children[pipe]

    def close(self) -> None:
        """End all processes."""
        processes = [child.process for child in self.children.values()]
        self.children.clear()
        try:
            _end(processes)
        except KeyboardInterrupt:  # a second interrupt, perhaps before any process got its signal
            _kill(processes)
            raise

    def receive(self, pipe: Any) -> list[tuple[Any, Any]]:
        """Receive one message. Return [(unit, result)] if a unit ended."""
        child = self.children[pipe]
        try:
            kind, value = pipe.recv()
        except (EOFError, ConnectionResetError):
            self._replace_dead(pipe)
            return []
        if kind == "error":
            raise value
        if kind == "report":
            self.watch.progress(child.unit, value)
            return []
        finished = child.unit, unpacked(value)
        self._give(pipe)
        return [finished]

    def _replace_dead(self, pipe: Any) -> None:
        """Remove a dead process, and run its unit in another one.

        Raises:
            UsageError: the process is a new one whose script has no guard.
            DDKitError: the process ended without being killed; or the unit's processes were killed too often.
        """
        child = self.children[pipe]
        child.process.join()
        code = child.process.exitcode or 0
        if code == UNGUARDED:
            raise UsageError(
                "script: each worker of a GPU imports it and would begin its work again; put its calls of ddkit below "
                'if __name__ == "__main__":, or use workers=1 with one GPU visible (CUDA_VISIBLE_DEVICES=0)'
            )
        if code == TERMINATED:
            time.sleep(PATIENCE)  # wait for this process's own signal, which gives the reason
        how = f"was killed by signal {-code}" if code < 0 else f"ended too early (exit code {code})"
        times = self.killed[id(child.unit)] = self.killed.get(id(child.unit), 0) + 1
        if code >= 0 or times > RETRIES:
            again = f" (the {times}th process for the same work)" if times > 1 else ""
            raise DDKitError(
                f"a process at work {how}{again}; if memory is short, use workers=1, which runs one unit at a time; "
                "run again to continue"
            )
        del self.children[pipe]
        self.waiting.insert(0, child.unit)
        fewer = "; the pool shrinks by one process, because memory may be short" if self.children else ""
        lost = time.monotonic() - child.begin
        self.watch.lost(f"a process at work {how}; its unit is run again ({lost:.1f} s lost){fewer}")
        if not self.children:
            self.add()


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
