"""The plan of a condensation: its stages, and what does not fit."""

import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Stage:
    """One part of the work: seconds, peak memory and further disk in bytes, and in words what was measured.

    Memory is what data and work add to a process that has loaded neither; on CUDA the device's.
    """

    name: str
    seconds: float
    memory: int
    disk: int
    basis: str


@dataclass(frozen=True)
class Plan:
    """What a recipe will take on a device, and what does not fit.

    Attributes:
        origin: where the recipe comes from.
        device: where it would run.
        stages: data, experts (where the method reads any), condensation, evaluation; of graphs colours and rows.
        experts_there, experts_wanted: experts in the buffer that are long enough, and all that the recipe needs.
        free_memory, free_disk: bytes free on the device, and where experts are kept.
        problems: a line for each thing that does not fit, with what to change.
        facts: lines that say what would be made.
    """

    origin: str
    device: str
    stages: tuple[Stage, ...]
    experts_there: int
    experts_wanted: int
    free_memory: int
    free_disk: int
    problems: tuple[str, ...]
    facts: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        return sum(stage.seconds for stage in self.stages)

    @property
    def memory(self) -> int:
        """The largest peak: the stages follow each other."""
        return max(stage.memory for stage in self.stages)

    @property
    def disk(self) -> int:
        return sum(stage.disk for stage in self.stages)


def free_disk(folder: Path) -> int:
    """Bytes free where `folder` is, or would be made."""
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    return shutil.disk_usage(there).free
