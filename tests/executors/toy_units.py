"""Units of work that tests run by every executor."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from ddkit.errors import NumericalError
from ddkit.executors import Elsewhere, Files, FolderParcel, Parcel, files_of, pack
from ddkit.home import experts_home, home


@dataclass(frozen=True)
class Add:
    """Adds a number to the common tensor. If `die_once` is a file that is missing, it is made, and the worker dies."""

    number: int
    die_once: Path | None = None
    die_always: bool = False

    def run(self, common: torch.Tensor, report: Callable[[int], None]) -> np.ndarray:
        report(1)
        if self.die_always:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.die_once is not None and not self.die_once.exists():
            self.die_once.touch()
            time.sleep(0.2)  # the report is on its way
            os.kill(os.getpid(), signal.SIGKILL)
        return (common + self.number).numpy()


@dataclass(frozen=True)
class Diverge:
    """Fails with an error of ddkit's."""

    def run(self, common: object, report: Callable[[int], None]) -> None:
        raise NumericalError("expert 7: its parameters are no longer finite")


@dataclass(frozen=True)
class Threads:
    """Gives the number of torch's threads."""

    def run(self, common: object, report: Callable[[int], None]) -> int:
        return torch.get_num_threads()


@dataclass(frozen=True)
class Home:
    """Gives the worker's home."""

    def run(self, common: object, report: Callable[[int], None]) -> str:
        return str(home())


@dataclass(frozen=True)
class Copy(FolderParcel):
    """Reads a file of the caller's home and writes its upper case to its folder. The result is the worker's home."""

    folder: Path

    def parcel(self, common: object) -> Parcel:
        return Parcel(Elsewhere(self), [home() / "inputs" / "text"])

    def moved(self, folder: Path) -> "Copy":
        return replace(self, folder=folder)

    def run(self, common: object, report: Callable[[int], None]) -> str:
        (self.folder / "deep").mkdir(parents=True)
        (self.folder / "deep" / "result").write_text((experts_home() / "inputs" / "text").read_text().upper())
        return str(home())


@dataclass(frozen=True)
class Count(FolderParcel):
    """Counts to `end` in the file `checkpoint.pt` of its folder. The result is the number from which it counted.

    If `die_once` is a file that is missing, it is made when the count is 3, and the worker dies. At `fail_at` the unit
    fails with an error that names its folder.
    """

    folder: Path
    end: int = 5
    die_once: Path | None = None
    fail_at: int = 0

    def moved(self, folder: Path) -> "Count":
        return replace(self, folder=folder)

    def begun(self) -> Files:
        return pack(self.folder, files_of(self.folder))

    def run(self, common: object, report: Callable[[int], None]) -> int:
        file = self.folder / "checkpoint.pt"
        first = int(file.read_text()) if file.exists() else 0
        for number in range(first + 1, self.end + 1):
            (self.folder / "a-log").write_text("x" * number)
            file.write_text(str(number))
            (self.folder / "z-log").write_text("x" * number)
            report(number)
            if number == self.fail_at:
                raise NumericalError(f"the count failed; continue in {self.folder}")
            if number == 3 and self.die_once is not None and not self.die_once.exists():
                self.die_once.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return first
