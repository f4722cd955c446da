"""The executor: workers do units of work, as many at once as the machine has room for.

A unit is a small picklable object. All units of one call share a common object, for example the real data. Workers get
it by the fork, so that it is neither copied nor sent. On a CPU each worker is a forked process. On a GPU, and if
processes cannot be forked, there is one worker, which is this process. `how_many` decides.

Workers are processes and not threads, because a step of a small network consists of about a hundred short kernels. Two
Python threads pass the interpreter's lock to each other at each kernel, and two OpenMP threads wait for each other at
the end of each; two processes share nothing. Two processes are the fastest of the three for all sizes of networks.

Forking is safe here as it is for PyTorch's DataLoader: a child has one thread and uses no GPU, and no other thread of
ddkit runs when it is forked (see `ddkit.run.progress`).

No child outlives its parent. A child that gets a signal to end cleans up, and is killed after a second. If the parent
is killed, the kernel kills its children (prctl's PR_SET_PDEATHSIG).
"""

import ctypes
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import connection, current_process, get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
from threadpoolctl import threadpool_limits

from ddkit.errors import DDKitError

Report = Callable[[Any], None]
"""A function that receives progress and results from a unit of work."""


@runtime_checkable
class Unit(Protocol):
    """One piece of work that depends on no other one. It can be pickled, and hence sent to any worker."""

    def run(self, common: Any, report: Report) -> None:
        """Do the work.

        Args:
            common: the object that all units of one call share. It must not be changed.
            report: receives progress and results. They must contain arrays instead of tensors, since torch would pass
                tensors as handles to the memory of a process that may have ended.
        """
        ...


SomeUnit = TypeVar("SomeUnit", bound=Unit)
Watch = Callable[[Any, Any], None]
"""A function that is called with a unit and its latest report."""

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
PR_SET_PDEATHSIG = 1

ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that end a command."""

PATIENCE = 1.0
"""Seconds that a child has for cleaning up. After a child was ended by a signal, the parent waits as long for its own
signal, because a batch system sends signals to all processes one after another."""

TERMINATED = 128 + signal.SIGTERM


def process_count() -> int:
    """Return the number of cores that this process may use, at most OMP_NUM_THREADS if that is set.

    It is 1, which means no further process, if forking is unsafe or not allowed: outside Linux, on a machine with a GPU
    (autograd starts threads for it at its first use), and in a daemon of multiprocessing.
    """
    if sys.platform != "linux" or torch.cuda.is_available() or current_process().daemon:
        return 1
    cores, limit = min(len(os.sched_getaffinity(0)), _quota()), os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, int(limit)) if limit.isdecimal() and int(limit) else cores


def _quota() -> int:
    """Return the number of cores that a container may use (cgroup v2), at least 1."""
    with suppress(OSError, ValueError):
        quota, period = map(int, Path("/sys/fs/cgroup/cpu.max").read_text().split())
        return max(1, quota // period)
    return sys.maxsize


def how_many(device: torch.device, each: int = 0, free: int = 0) -> int:
    """Return how many units to do at once: on a CPU one for each core, limited by memory; on a GPU one.

    Args:
        device: the device of the work.
        each: bytes of memory that one unit needs; 0: few.
        free: bytes of memory that are free.
    """
    count = process_count() if device.type == "cpu" else 1
    return max(1, min(count, free // each)) if each else count


def no_watch(unit: Any, item: Any) -> None:
    """Do nothing with reports."""


def work_through(
    units: Sequence[SomeUnit], common: Any, count: int, watch: Watch = no_watch
) -> Generator[tuple[SomeUnit, list[Any]], None, None]:
    """Do all units, up to `count` at once.

    Args:
        units: the work, in the order in which it is begun.
        common: the object that all units share.
        count: the result of `how_many`; 1: no further process.
        watch: called with each report of a unit.

    Yields:
        (unit, all its reports) of each unit in the order of completion. An error of a unit is raised here and ends the
        others. When the iterator ends, also by an interrupt, no process is left.

    Raises:
        DDKitError: a process was killed from outside, as happens when memory is short.
    """
    if count > 1:
        yield from in_processes(units, common, count, watch)
        return
    for unit in units:
        items: list[Any] = []

        def report(item: Any, unit: SomeUnit = unit, items: list[Any] = items) -> None:
            items.append(item)
            watch(unit, item)

        unit.run(common, report)
        yield unit, items


def in_processes(
    units: Sequence[SomeUnit], common: Any, count: int, watch: Watch = no_watch
) -> Generator[tuple[SomeUnit, list[Any]], None, None]:
    """Do what `work_through` does in further processes. Each has one thread and does one unit after another."""
    waiting, running = list(units), dict[Any, _Running]()
    try:
        while waiting and len(running) < count:
            with _held_back(ENDS):  # else a signal could come before `running` contains the process
                pipe, process = _start(common, list(running))
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
    with _held_back(ENDS):
        for process in processes:
            process.kill()
        for process in processes:
            process.join()


@contextmanager
def _held_back(signals: Sequence[signal.Signals]) -> Iterator[None]:
    """Delay these signals until the end of the block.

    The mask covers this thread alone, and the system may hand a signal to another one (a progress bar's, a test
    runner's). Python then calls the handler in the main thread in spite of the mask, so a handler that only remembers
    the signal stands in for the process's own until the block ends.
    """
    came: list[int] = []
    handlers: dict[signal.Signals, Any] = {}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    if threading.current_thread() is threading.main_thread():
        handlers = {number: signal.signal(number, lambda one, _: came.append(one)) for number in signals}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for one in dict.fromkeys(came):
            signal.raise_signal(one)


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


def _start(common: Any, others: list[Any]) -> tuple[Any, BaseProcess]:
    context = get_context("fork")
    here, there = context.Pipe()
    process = context.Process(target=_child, args=(common, there, [*others, here], os.getpid()), daemon=True)
    process.start()
    there.close()  # so that the pipe ends when the child dies
    return here, process


def _child(common: Any, pipe: connection.Connection, others: list[Any], parent: int) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # the kernel kills this process when the parent dies
    if os.getppid() != parent:  # the parent has already died
        os._exit(TERMINATED)
    for number in (signal.SIGINT, signal.SIGHUP):  # a terminal sends these to the parent too, which ends its children
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDS)
    for other in others:  # close the parent's ends of the pipes, so that they end when the parent dies
        other.close()
    torch.set_num_threads(1)
    # The thread pools of other libraries do not survive the fork; waiting for them would never end.
    threadpool_limits(1)
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # for libraries that are imported later
    _keep_freed_memory()

    def send(kind: str, value: Any = None) -> None:
        pipe.send((kind, value))

    try:
        while units := pipe.recv():
            units[0].run(common, partial(send, "item"))
            send("end")
    except Exception as error:
        place = traceback.format_exc()
        if isinstance(error, DDKitError):
            error.add_note(place)
        with suppress(OSError):  # the parent may have ended
            send(
                "error", error if isinstance(error, DDKitError) else RuntimeError(place)
            )  # other errors may not pickle


def _leave(*_: object) -> None:
    """Clean up and end. A second signal has no effect."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(TERMINATED)


def _keep_freed_memory() -> None:
    """Let this process keep up to a GiB of freed memory.

    By default glibc returns large blocks to the system, and each new block then costs page faults (15 % of a step).
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(M_TRIM_THRESHOLD, 2**30)
        libc.mallopt(M_MMAP_THRESHOLD, 2**25)
