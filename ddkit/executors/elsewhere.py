"""Units with a folder of their own, run in a temporary folder of a worker that does not see the caller's files.

While such a unit runs, its new and changed files are sent to the caller from time to time. If the worker or the whole
command is killed, the unit continues from these files, in another worker or in a later call.
"""

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from ddkit.errors import DDKitError
from ddkit.executors.contract import Parcel, Report, Unit
from ddkit.executors.inputs import replaced_by
from ddkit.executors.left_over import named, sweep_left_over
from ddkit.executors.shipping import Files, files_of, pack, unpack
from ddkit.run import LOCK, locked

EVERY = 30.0
"""Least seconds between two messages with files of one unit."""

PREFIX = "ddkit-"
"""The begin of a temporary folder's name. A killed worker leaves it behind; the next one on its machine removes it."""

LARGEST = 2**28
"""Bytes of such a message at most. Larger files are sent only with the result."""


@runtime_checkable
class FolderUnit(Unit, Protocol):
    """A unit that writes files to a folder of its own. Whenever it reports, it can continue from these files."""

    @property
    def folder(self) -> Path:
        """The folder."""
        ...

    def moved(self, folder: Path) -> "FolderUnit":
        """The same unit with its folder below another one."""
        ...

    def begun(self) -> Files:
        """The files of an interrupted run of this unit, by their paths below `folder`."""
        ...


class FolderParcel:
    """Base of units that write files to a folder of their own: parcels run in a temporary folder of the worker."""

    def begun(self) -> Files:
        """None: the unit begins anew. A unit that can continue from files overrides this."""
        return {}

    def parcel(self: FolderUnit, common: Any) -> Parcel:
        return Parcel(Elsewhere(self, self.begun()))

    def receive(self: FolderUnit, result: tuple[Any, Files]) -> Any:
        own, files = result
        unpack(files, self.folder)
        return own


@dataclass(frozen=True)
class Unfinished:
    """A report of a unit that runs elsewhere: files with which it can continue. The caller writes them.

    Attributes:
        files: by their paths below the folder of the caller's unit.
    """

    files: Files


@dataclass(frozen=True)
class Elsewhere:
    """A unit of work: run a unit with a folder in a temporary folder of the worker's machine.

    Attributes:
        unit: of the caller.
        begun: files of an interrupted run, from which it continues.
        every: least seconds between two reports of its files.
        copies: of files that the unit reads and that are not below the caller's home; see `copies_of`.
    """

    unit: FolderUnit
    begun: Mapping[str, bytes] = field(default_factory=dict, hash=False)
    every: float = field(default_factory=lambda: EVERY)
    copies: Mapping[str, str] = field(default_factory=dict, hash=False)

    def run(self, common: Any, report: Report) -> tuple[Any, Files]:
        """(the unit's result, the files of its folder).

        Raises:
            DDKitError: the unit's error. The files with which the unit can continue are reported before, and the line
                names the caller's folder.
        """
        sweep_left_over(Path(tempfile.gettempdir()), PREFIX)
        with (
            tempfile.TemporaryDirectory(prefix=named(PREFIX)) as folder,
            locked(Path(folder) / LOCK, f"folder '{folder}'"),  # so that nobody sweeps it
        ):
            moved = self.unit.moved(Path(folder))
            unpack(self.begun, moved.folder)
            sender = _Sender(moved.folder, report, self.every)
            try:
                with replaced_by(self.copies):
                    result = moved.run(common, sender)
            except DDKitError as error:
                sender.send_changed()
                error.args = (str(error).replace(str(moved.folder), str(self.unit.folder)),)
                raise
            return result, pack(moved.folder, files_of(moved.folder))


class _Sender:
    """The report function of a unit in a temporary folder: it also reports new and changed files of this folder."""

    def __init__(self, folder: Path, report: Report, every: float) -> None:
        self._folder, self._report, self._every = folder, report, every
        self._sent = self._states()
        self._last = time.monotonic()

    def __call__(self, item: Any) -> None:
        self._report(item)
        if (now := time.monotonic()) - self._last >= self._every:
            self._last = now
            self.send_changed()

    def send_changed(self) -> None:
        """Report the files that are new or changed since the last report, if they are not too large."""
        states = self._states()
        changed = [file for file, state in states.items() if state != self._sent.get(file)]
        if changed and sum(size for size, _ in map(states.__getitem__, changed)) <= LARGEST:
            self._report(Unfinished(pack(self._folder, changed)))
            self._sent = states

    def _states(self) -> dict[Path, tuple[int, int]]:
        """(size, time of the last change) of each file."""
        return {file: (file.stat().st_size, file.stat().st_mtime_ns) for file in files_of(self._folder)}
