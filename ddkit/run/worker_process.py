"""A forked process that does one unit of work after another.

Forking is safe here as it is for PyTorch's DataLoader: a child has one thread and uses no GPU, and no other thread of
ddkit runs when it is forked (see `ddkit.run.progress`).

A child that gets a signal to end cleans up. If the parent is killed, the kernel kills its children (prctl's
PR_SET_PDEATHSIG).
"""

import ctypes
import os
import signal
import sys
import traceback
from contextlib import suppress
from functools import partial
from multiprocessing import connection, get_context
from multiprocessing.process import BaseProcess
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from ddkit.errors import DDKitError

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
PR_SET_PDEATHSIG = 1

ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that end a command."""

TERMINATED = 128 + signal.SIGTERM


def start_process(common: Any, others: list[Any]) -> tuple[Any, BaseProcess]:
    """Fork a process, and return the parent's end of its pipe and the process.

    The process receives lists of at most one unit; an empty list ends it. It sends ("item", report), after each unit
    ("end", None), and ("error", exception). `others` are the parent's ends of the pipes of other processes.
    """
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
        with suppress(OSError):  # the parent may have ended; errors of other libraries may not pickle
            send("error", error if isinstance(error, DDKitError) else RuntimeError(place))


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
