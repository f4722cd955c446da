"""The executor: units of work, done by workers, as many at once as the machine has room for.

A unit is a small picklable object. What all units of one call share, as the real data, is given beside them: a worker
has it by the fork, so that it is neither copied nor sent. On a CPU each worker is a forked process; on a GPU, and where
processes cannot be forked, there is one worker, which is this process. `how_many` decides.

Small networks are a hundred short kernels a step. Two threads hand the interpreter's lock to each other at each of
them, and two OpenMP threads wait for each other at the end of each; two processes share nothing. On two cores
(Intel Xeon with AVX-512, torch 2.15), milliseconds a step of a fused ConvNet, all cores counted:

                                          2 OpenMP threads   2 Python threads   2 processes
    digits, depth 2, width 32, batch 64         0.87               1.15             0.65
    the same, batch 256                         2.5                2.8              2.3
    CIFAR-10, depth 3, width 128, batch 256     310                285              274

Forking is safe here as it is for PyTorch's DataLoader: a child runs on one thread and never meets a GPU, and no other
thread of ours runs when it is forked (see `ddkit.run.progress`).

No child outlives its parent. One that is asked to end cleans up, and is killed after a second. Where the parent is
killed, the kernel kills its children (prctl's PR_SET_PDEATHSIG).
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
"""Takes what a unit of work has to say or to give while it is done."""


@runtime_checkable
class Unit(Protocol):
    """One piece of work that depends on no other one. It can be pickled, and so sent to a worker anywhere."""

    def run(self, common: Any, report: Report) -> None:
        """Do the work.

        Args:
            common: what all units of one call share. It is not to be changed.
            report: takes progress and results, as they come. They hold arrays and no tensors, which torch would pass as
                handles into the memory of a process that may have ended.
        """
        ...


SomeUnit = TypeVar("SomeUnit", bound=Unit)
Watch = Callable[[Any, Any], None]
"""Is called with a unit and what it has just reported."""

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
PR_SET_PDEATHSIG = 1

ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that ask a command to end."""

PATIENCE = 1.0
"""Seconds that a process has for cleaning up, and that the parent waits for a signal of its own where a child has had
one: a batch system signals all of them, one after another."""

TERMINATED = 128 + signal.SIGTERM


def process_count() -> int:
    """One for each core that this process may use, at most OMP_NUM_THREADS where that is set.

    1, which means no process beside this one, where forking is unsafe or not allowed: outside Linux, with a GPU in the
    machine, for which autograd starts threads at its first use, and in a daemon of multiprocessing.
    """
    if sys.platform != "linux" or torch.cuda.is_available() or current_process().daemon:
        return 1
    cores, limit = min(len(os.sched_getaffinity(0)), _quota()), os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, int(limit)) if limit.isdecimal() and int(limit) else cores


def _quota() -> int:
    """Cores that a container may keep busy (cgroup v2), at least 1."""
    with suppress(OSError, ValueError):
        quota, period = map(int, Path("/sys/fs/cgroup/cpu.max").read_text().split())
        return max(1, quota // period)
    return sys.maxsize


def how_many(device: torch.device, each: int = 0, free: int = 0) -> int:
    """How many units are done at once: on a CPU one for each core, as far as memory reaches; on a GPU one.

    Args:
        device: where the work is done.
        each: bytes of memory that one unit takes; 0: few.
        free: bytes of memory that are free.
    """
    count = process_count() if device.type == "cpu" else 1
    return max(1, min(count, free // each)) if each else count


def no_watch(unit: Any, item: Any) -> None:
    """Nobody watches."""


def work_through(
    units: Sequence[SomeUnit], common: Any, count: int, watch: Watch = no_watch
) -> Generator[tuple[SomeUnit, list[Any]], None, None]:
    """Do all units, up to `count` at once.

    Args:
        units: the work, in the order in which it is begun.
        common: what all units share.
        count: as `how_many` says; 1: no process beside this one.
        watch: is called for whatever a unit reports.

    Yields:
        (unit, all that it has reported) when it is complete, whichever is first. An error of a unit is raised here, and
        ends the others. However the iterator ends, by an interrupt too, no process is left.

    Raises:
        DDKitError: a process was killed from outside, as happens where memory is short.
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
    """`work_through` in processes beside this one, each of which runs on one thread and does unit after unit."""
    waiting, running = list(units), dict[Any, _Running]()
    try:
        while waiting and len(running) < count:
            with _held_back(ENDS):  # else a process could be there that nobody knows of
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
        except KeyboardInterrupt:  # a second one, which may have come before any process was asked
            _kill([child.process for child in running.values()])
            raise


def _end(processes: list[BaseProcess]) -> None:
    """Ask processes to end, and kill those that do not within PATIENCE."""
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
    """These signals come when the work in the block is done.

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
    """A process, its present unit, and what that has reported."""

    process: BaseProcess
    unit: Any = None
    items: list[Any] = field(default_factory=list)

    def begin(self, pipe: Any, waiting: list[Any]) -> bool:
        """Hand it the next unit; False where there is none, and the process is told to end."""
        with suppress(BrokenPipeError):  # it was killed while idle: `receive` says so
            pipe.send(waiting[:1])
        if not waiting:
            self.process.join()
            return False
        self.unit, self.items = waiting.pop(0), []
        return True

    def receive(self, pipe: Any) -> bool:
        """Take one message; whether it was the unit's last."""
        try:
            kind, value = pipe.recv()
        except (EOFError, ConnectionResetError):
            self.process.join()
            code = self.process.exitcode
            if code == TERMINATED:
                time.sleep(PATIENCE)  # for our own signal, which says why
            how = f"was killed by signal {-code}" if code and code < 0 else f"ended too early (exit code {code})"
            raise DDKitError(
                f"a process at work {how}; if memory is short, set OMP_NUM_THREADS=1, which does one "
                "thing at a time; run again to go on"
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
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # however the parent dies, its children do not live on
    if os.getppid() != parent:  # it died before
        os._exit(TERMINATED)
    for number in (signal.SIGINT, signal.SIGHUP):  # a terminal's reach the parent too, which ends its children
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDS)
    for other in others:  # the parent's ends, so that the pipe ends when the parent dies
        other.close()
    torch.set_num_threads(1)
    # Of other libraries: a team of threads does not survive the fork, and waiting for it never ends.
    threadpool_limits(1)
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # of those that are imported from here on
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
        with suppress(OSError):  # the error is that the parent is gone
            send("error", error if isinstance(error, DDKitError) else RuntimeError(place))  # others may not pickle


def _leave(*_: object) -> None:
    """Clean up and end; being asked once more changes nothing."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(TERMINATED)


def _keep_freed_memory() -> None:
    """Let this process keep what it frees, up to a GiB. By default glibc gives large blocks back to the system, and
    each new one is paid for in page faults: 274 ms a step instead of 240 on CIFAR-10, 2.3 instead of 1.9 on digits."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(M_TRIM_THRESHOLD, 2**30)
        libc.mallopt(M_MMAP_THRESHOLD, 2**25)
