"""The plan of a condensation: its stages, and the resources that are too small."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from ddkit.jobs.planning.gauge import Cost


@dataclass(frozen=True)
class Stage:
    """One part of the work.

    Attributes:
        name: of the stage.
        seconds: from its begin to its end, by the critical path of its units.
        memory: peak bytes that data and work add to an empty process; on CUDA those of the device. Units on other
            machines count once.
        disk: bytes of new files.
        basis: what was measured, in words.
        units: pieces of work that may run at the same time.
        at_once: pieces that the executor runs at the same time.
    """

    name: str
    seconds: float
    memory: int
    disk: int
    basis: str
    units: int = 1
    at_once: int = 1

    @staticmethod
    def of(name: str, cost: Cost, basis: str, disk: int = 0) -> "Stage":
        """The stage of a measured cost."""
        return Stage(name, cost.seconds, cost.memory, disk, basis, cost.units, cost.at_once)


@dataclass(frozen=True)
class Plan:
    """Estimated time, memory and disk of a recipe on a device.

    Attributes:
        origin: the source of the recipe.
        device: where the recipe would run.
        executor: the name of the executor that is assumed.
        workers: units that it is assumed to run at the same time, if their memory allows.
        elsewhere: whether workers may be on other machines; then the memory of divided stages is that of one worker.
        stages: data, experts (if the method reads any), condensation, evaluation; for graphs, colours and rows.
        experts_there, experts_wanted: stored experts that are long enough, and all experts that the recipe needs.
        free_memory, free_disk: free bytes on the device, and where experts are stored.
        problems: a line for each resource that is too small, with the setting to change.
        facts: lines about the set that would be made.
    """

    origin: str
    device: str
    executor: str
    workers: int
    elsewhere: bool
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
