"""What a Ray worker does: run one unit, report its progress to the driver's mailbox, and answer with its result.

Ray imports this module on each node, so ddkit must be installed there. Ray runs whatever a driver sends: a Ray port is
for trusted networks only.
"""

import importlib
import importlib.metadata
import os
import time
import traceback
from dataclasses import dataclass
from typing import Any

import torch

from ddkit.errors import DDKitError
from ddkit.executors.contract import Unit
from ddkit.executors.messages import packed, unpacked
from ddkit.executors.shipping import Place, unpack
from ddkit.home import home

PACE = 0.1
"""Least seconds between two reports of one unit to the mailbox."""


@dataclass(frozen=True)
class Done:
    """The pickled result of a unit. Ray would give arrays that are not pickled as read-only ones."""

    result: bytes


@dataclass(frozen=True)
class NeedsParcel:
    """The answer of a worker that does not see the caller's files: send the unit's parcel instead."""


@dataclass(frozen=True)
class Failed:
    """The error of a unit."""

    error: Exception


@dataclass(frozen=True)
class Errand:
    """A unit on its way to a worker.

    Attributes:
        number: of the unit in its call.
        unit: the work.
        versions: of ddkit and torch at the caller.
        caller: the caller's file system; None if the unit needs no file of it.
        threads: of torch, for results that are equal to those of other executors.
    """

    number: int
    unit: Unit
    versions: tuple[str, str]
    caller: Place | None = None
    threads: int = 1


@dataclass(frozen=True)
class Letter:
    """A message of a worker to the driver: a unit begins (`item` is None), or a report of its progress."""

    number: int
    worker: str
    item: Any = None


class Mailbox:
    """A Ray actor that keeps the letters of all workers until the driver takes them."""

    def __init__(self) -> None:
        self._letters: list[Letter] = []

    def put(self, letter: Letter) -> None:
        self._letters.append(letter)

    def take(self) -> list[Letter]:
        letters, self._letters = self._letters, []
        return letters


def versions() -> tuple[str, str]:
    """The versions of ddkit and torch in this process."""
    return importlib.metadata.version("ddkit"), importlib.metadata.version("torch")


def work(errand: Errand, common: list[Any], files: list[Any] | None, mailbox: Any) -> Done | NeedsParcel | Failed:
    """Run one unit.

    Args:
        common: the reference of the pickled object that all units share, in a list, so that Ray does not fetch it each
            time.
        files: the reference of pickled files for the worker's home, in a list; None: there are none.
        mailbox: the actor that receives letters.
    """
    worker = f"{os.uname().nodename}:{os.getpid()}"
    _ray().get(mailbox.put.remote(Letter(errand.number, worker)))  # arrives, even if this worker dies at once
    last = 0.0

    def report(item: Any) -> None:
        nonlocal last
        if (now := time.monotonic()) - last >= PACE:
            last = now
            mailbox.put.remote(Letter(errand.number, worker, item))

    try:
        if versions() != errand.versions:
            raise DDKitError(
                f"Ray worker {worker}: has ddkit {versions()[0]} and torch {versions()[1]}, and the driver has ddkit "
                f"{errand.versions[0]} and torch {errand.versions[1]}; install the same versions on all nodes"
            )
        torch.set_num_threads(errand.threads)
        if errand.caller is not None and not errand.caller.is_here():
            return NeedsParcel()
        if files is not None:
            unpack(_fetched(files), home())
        return Done(packed(errand.unit.run(_fetched(common), report)))
    except Exception as error:
        place = traceback.format_exc()
        if isinstance(error, DDKitError):
            error.add_note(place)
            return Failed(error)
        return Failed(RuntimeError(place))  # other errors may not pickle


_KEPT: dict[str, Any] = {}


def _fetched(reference: list[Any]) -> Any:
    """The object behind a reference. This process keeps the latest ones, since many units share them."""
    (ref,) = reference
    if ref.hex() not in _KEPT:
        if len(_KEPT) >= 2:
            _KEPT.pop(next(iter(_KEPT)))
        _KEPT[ref.hex()] = unpacked(_ray().get(ref))
    return _KEPT[ref.hex()]


def _ray() -> Any:
    return importlib.import_module("ray")  # not by name: Ray is optional, and type checkers need not have it
