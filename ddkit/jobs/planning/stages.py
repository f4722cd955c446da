"""The plan of a condensation: its stages, and the resources that are too small."""

import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Stage:
    """One part of the work.

    Attributes:
        name: of the stage.
        seconds: of all its work.
        memory: peak bytes that data and work add to an empty process; on CUDA those of the device.
        disk: bytes of new files.
        basis: what was measured, in words.
    """

    name: str
    seconds: float
    memory: int
    disk: int
    basis: str


@dataclass(frozen=True)
class Plan:
    """Estimated time, memory and disk of a recipe on a device.

    Attributes:
        origin: the source of the recipe.
        device: where the recipe would run.
        stages: data, experts (if the method reads any), condensation, evaluation; for graphs, colours and rows.
        experts_there, experts_wanted: stored experts that are long enough, and all experts that the recipe needs.
        free_memory, free_disk: free bytes on the device, and where experts are stored.
        problems: a line for each resource that is too small, with the setting to change.
        facts: lines about the set that would be made.
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
        """The largest peak of all stages, which run one after another."""
        return max(stage.memory for stage in self.stages)

    @property
    def disk(self) -> int:
        return sum(stage.disk for stage in self.stages)


def free_disk(folder: Path) -> int:
    """Free bytes on the disk of `folder`, which need not exist."""
    existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    return shutil.disk_usage(existing).free
