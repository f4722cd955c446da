"""A worker process of this machine: how it starts, what it does, and how it ends with its parent.

No child outlives its parent. A child that gets a signal to end cleans up, and is killed after a second. If the parent
is killed, the kernel kills its children (prctl's PR_SET_PDEATHSIG).
"""

import ctypes
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from multiprocessing import connection, current_process, get_context
from multiprocessing.process import BaseProcess
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from ddkit.errors import DDKitError
from ddkit.executors.messages import packed, unpacked
from ddkit.heap import KEPT_BY_A_WORKER, keep_freed_memory

PR_SET_PDEATHSIG = 1

ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that end a command."""

NAME = "ddkit worker"
"""The name of new worker processes."""

UNGUARDED = 79
"""The exit code of a new worker that called ddkit while it imported the caller's script."""

TERMINATED = 128 + signal.SIGTERM

Started = tuple[connection.Connection, BaseProcess]
"""The parent's end of a child's pipe, and the child."""

Start = Callable[[Sequence[connection.Connection]], Started]
"""Starts one more child, given the parent's ends of the pipes of the others."""


def fork(common: Any, others: Sequence[connection.Connection]) -> Started:
    """Start a child that has `common` by the fork, so that it is neither copied nor sent."""
    context = get_context("fork")
    here, there = context.Pipe()
    process = context.Process(target=_forked, args=(common, there, [*others, here], os.getpid()), daemon=True)
    process.start()
    there.close()  # so that the pipe ends when the child dies
    return here, process


def spawn(common: bytes, gpu: str) -> Started:
    """Start a new Python process that sees one GPU only.

    Args:
        common: the pickled object that all units share. A CUDA tensor in it arrives on the child's GPU.
        gpu: its name in CUDA_VISIBLE_DEVICES.
    """
    context = get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_spawned, args=(common, gpu, there, os.getpid()), daemon=True, name=NAME)
    process.start()
    there.close()
    return here, process


def leave_if_unguarded() -> None:
    """End this process if it is a new worker that still imports the caller's script.

    A new Python process imports the main script. Without a guard the script would begin its work a second time there,
    and wait for locks of the process that waits for it. The parent raises the error.
    """
    process = current_process()
    if process.name == NAME and getattr(process, "_inheriting", False):
        os._exit(UNGUARDED)


def _forked(common: Any, pipe: connection.Connection, others: list[connection.Connection], parent: int) -> None:
    _end_with(parent)
    for other in others:  # close the parent's ends of the pipes, so that they end when the parent dies
        other.close()
    torch.set_num_threads(1)
    # The thread pools of other libraries do not survive the fork; waiting for them would never end.
    threadpool_limits(1)
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # for libraries that are imported later
    keep_freed_memory(KEPT_BY_A_WORKER)
    _work(common, pipe)


def _spawned(common: bytes, gpu: str, pipe: connection.Connection, parent: int) -> None:
    os.environ["CUDA_VISIBLE_DEVICES"] = gpu  # before this process uses CUDA
    _end_with(parent)
    _work(unpacked(common), pipe)


def _end_with(parent: int) -> None:
    """End this process when its parent dies, and at a signal of its parent, but not at a terminal's."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # the parent has already died
            os._exit(TERMINATED)
    for number in (signal.SIGINT, signal.SIGHUP):  # a terminal sends these to the parent too, which ends its children
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDS)


def _work(common: Any, pipe: connection.Connection) -> None:
    """Run one unit after another until there is none."""

    def send(kind: str, value: Any) -> None:
        pipe.send((kind, value))

    try:
        while units := pipe.recv():
            result = units[0].run(common, partial(send, "report"))
            # A pipe would pass a tensor as a handle to the memory of this process, which may end.
            send("end", packed(result))
    except Exception as error:
        place = traceback.format_exc()
        if isinstance(error, DDKitError):
            error.add_note(place)
        with suppress(OSError):  # the parent may have ended
            send("error", error if isinstance(error, DDKitError) else RuntimeError(place))  # others may not pickle


def _leave(*_: object) -> None:
    """Clean up and end. A second signal has no effect."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(TERMINATED)
