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
from ddkit.executors import Elsewhere, FolderParcel, Parcel
from ddkit.home import home


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
class Copy(FolderParcel):
    """Reads a file under home() and writes its upper case to its folder. The result is the home that it saw."""

    folder: Path

    def parcel(self, common: object) -> Parcel:
        return Parcel(Elsewhere(self), [home() / "inputs" / "text"])

    def moved(self, folder: Path) -> "Copy":
        return replace(self, folder=folder)

    def run(self, common: object, report: Callable[[int], None]) -> str:
        (self.folder / "deep").mkdir(parents=True)
        (self.folder / "deep" / "result").write_text((home() / "inputs" / "text").read_text().upper())
        return str(home())
