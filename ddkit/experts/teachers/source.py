"""The source of teachers: the bundles under home() that the settings name."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ddkit.experts.source import HEADER, Experts, Rehearsal, Stock
from ddkit.experts.teachers.ensemble import Ensemble
from ddkit.experts.teachers.obtain import bundle_of, obtain_teachers
from ddkit.experts.teachers.settings import PRETRAINED, TeacherSettings
from ddkit.experts.teachers.wanted import Wanted, wanted_teachers
from ddkit.home import experts_home
from ddkit.randomness import stream
from ddkit.run import Meter
from ddkit.task import Task


@dataclass(frozen=True)
class TeacherSource:
    """Teachers. They are trained for `settings.epochs` epochs; `epochs`, the method's number, is not used."""

    settings: TeacherSettings
    task: Task
    epochs: int

    rehearsed = "each network"

    def wanted(self) -> list[Wanted]:
        """The teachers in their order, stored or missing."""
        return wanted_teachers(experts_home() / "teachers", self.task, self.settings)

    def stock(self) -> Stock:
        wanted = self.wanted()
        missing = [teacher.net for teacher in wanted if teacher.net is not None and teacher.untrained]
        disk = sum(HEADER + 4 * net.parameters for net in missing)
        return Stock(len(wanted) - len(missing), len(missing), disk // max(1, len(missing)), disk)

    def files(self) -> list[Path]:
        return [teacher.file for teacher in self.wanted() if not str(teacher.file).startswith(PRETRAINED)]

    @contextmanager
    def obtain(self, meter: Meter) -> Iterator[Experts]:
        """A block with the teachers. They are read into memory, so their files may be removed within the block."""
        found = obtain_teachers(experts_home() / "teachers", self.task, self.settings, meter)
        digest = hashlib.sha256(" ".join(bundle.digest for bundle in found).encode()).hexdigest()
        yield Experts(teachers=found, digest=digest, trained=found.trained)

    def stand_ins(self, folder: Path, seed: int) -> Experts:
        """The stored teachers, and the initialisations of missing ones."""
        bundles = []
        for teacher in self.wanted():
            if teacher.net is None or teacher.here:
                bundles.append(teacher.read(self.task.real))
            else:
                theta = teacher.net.init(stream(seed, "plan")).to(self.task.real.train.images)
                bundles.append(bundle_of(self.task.with_net(teacher.net), theta))
        return Experts(teachers=Ensemble(tuple(bundles)))

    def rehearsals(self) -> list[Rehearsal]:
        """One rehearsal for each missing teacher, since networks differ. Only the last state is held in memory."""
        return [
            Rehearsal(self.settings, self.task.with_net(teacher.net), self.settings.epochs, 1)
            for teacher in self.wanted()
            if teacher.net is not None and teacher.untrained
        ]

    def ways_to_less_disk(self, stock: Stock, free: int) -> list[str]:
        return ["name fewer networks in experts.nets"]
