"""The function of a Ray worker: it runs one unit, sends its progress to the driver's queue, and returns its result.

Ray imports this module on each node, so ddkit must be installed there. Ray runs whatever a driver sends: a Ray port is
for trusted networks only.
"""

import importlib
import importlib.metadata
import os
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ddkit.errors import DDKitError, InUseError
from ddkit.executors.contract import Unit
from ddkit.executors.elsewhere import Unfinished
from ddkit.executors.messages import packed, unpacked
from ddkit.executors.shipping import Place
from ddkit.home import experts_at

PACE = 0.1
"""Least seconds between two progress messages of one unit."""

RELEASE = 120.0
"""Seconds in which the lock of a dead worker is released. A process ends a while after its node, and a file server
releases the locks of a lost machine later still."""

POLL = 0.5
"""Seconds between two attempts to take such a lock."""


@dataclass(frozen=True)
class Done:
    """The pickled result of a unit. Ray would give arrays that are not pickled as read-only ones."""

    result: bytes


@dataclass(frozen=True)
class NeedsParcel:
    """The response of a worker that does not see the caller's files. The driver then sends the unit's parcel."""


@dataclass(frozen=True)
class Failed:
    """The error of a unit."""

    error: Exception


@dataclass(frozen=True)
class Assignment:
    """A unit for a worker.

    Attributes:
        number: the unit's number in its call.
        unit: the work.
        versions: the caller's versions of ddkit and torch.
        caller: the caller's file system; None if the unit reads and writes no file of the caller.
        again: whether an earlier worker of the unit died.
        threads: the number of torch's threads, so that results are equal to those of other executors.
    """

    number: int
    unit: Unit
    versions: tuple[str, str]
    caller: Place | None = None
    again: bool = False
    threads: int = 1


@dataclass(frozen=True)
class Message:
    """A message of a worker to the driver: a unit starts (`item` is None), or its progress."""

    number: int
    worker: str
    item: Any = None


class MessageQueue:
    """A Ray actor that keeps the messages of all workers until the driver takes them."""

    def __init__(self) -> None:
        self._messages: list[Message] = []

    def put(self, message: Message) -> None:
        self._messages.append(message)

    def take(self) -> list[Message]:
        messages, self._messages = self._messages, []
        return messages


def versions() -> tuple[str, str]:
    """The versions of ddkit and torch in this process."""
    return importlib.metadata.version("ddkit"), importlib.metadata.version("torch")


def work(assignment: Assignment, common: list[Any], files: list[Any] | None, queue: Any) -> Done | NeedsParcel | Failed:
    """Run one unit.

    Args:
        common: [reference of the pickled object that all units share]. Ray fetches the object of a reference that is an
            argument for every unit; it leaves a reference inside a list alone, and the worker fetches it once.
        files: [reference of the pickled `Inputs`]; None: there are no files.
        queue: the actor that receives messages.
    """
    worker = f"{os.uname().nodename}:{os.getpid()}"
    _ray().get(queue.put.remote(Message(assignment.number, worker)))  # arrives, even if this worker dies at once
    last = 0.0

    def report(item: Any) -> None:
        nonlocal last
        if isinstance(item, Unfinished):  # arrives before the unit goes on, and so before its result
            _ray().get(queue.put.remote(Message(assignment.number, worker, item)))
        elif (now := time.monotonic()) - last >= PACE:
            last = now
            queue.put.remote(Message(assignment.number, worker, item))

    try:
        if versions() != assignment.versions:
            raise DDKitError(
                f"Ray worker {worker}: has ddkit {versions()[0]} and torch {versions()[1]}, and the driver has ddkit "
                f"{assignment.versions[0]} and torch {assignment.versions[1]}; install the same versions on all nodes"
            )
        torch.set_num_threads(assignment.threads)
        if assignment.caller is not None and not assignment.caller.is_here():
            return NeedsParcel()
        with ExitStack() as stack:
            if files is not None:
                stack.enter_context(experts_at(_placed(files)))
            if assignment.caller is not None:
                stack.enter_context(assignment.caller.entered())
            unit, shared = assignment.unit, _fetched(common)
            return Done(packed(when_released(lambda: unit.run(shared, report), RELEASE if assignment.again else 0.0)))
    except Exception as error:
        place = traceback.format_exc()
        if isinstance(error, DDKitError):
            error.add_note(place)
            return Failed(error)
        return Failed(RuntimeError(place))  # other errors may not pickle


def when_released(run: Callable[[], Any], patience: float) -> Any:
    """The result of `run`. While a lock that it needs is in use, it is called again, for `patience` seconds at most."""
    end = time.monotonic() + patience
    while True:
        try:
            return run()
        except InUseError:
            if time.monotonic() >= end:
                raise
            time.sleep(POLL)


_KEPT: dict[str, Any] = {}


def _fetched(reference: list[Any]) -> Any:
    """The object behind a reference. This process keeps the latest ones, since many units share them."""
    (ref,) = reference
    if ref.hex() not in _KEPT:
        if len(_KEPT) >= 2:
            _KEPT.pop(next(iter(_KEPT)))
        _KEPT[ref.hex()] = unpacked(_ray().get(ref))
    return _KEPT[ref.hex()]


_PLACED: dict[str, Path] = {}


def _placed(reference: list[Any]) -> Path:
    """The folder of the files behind a reference. They are fetched once, and are not kept in memory."""
    (ref,) = reference
    if ref.hex() not in _PLACED:
        _PLACED[ref.hex()] = unpacked(_ray().get(ref)).placed()
    return _PLACED[ref.hex()]


def _ray() -> Any:
    return importlib.import_module("ray")  # not by name: Ray is optional, and type checkers need not have it
