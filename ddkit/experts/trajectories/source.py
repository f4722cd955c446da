"""The source of trajectories: the first `count` experts of a buffer under home()."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from ddkit.experts.buffer_key import BufferKey
from ddkit.experts.settings import ExpertSettings
from ddkit.experts.source import HEADER, Experts, Rehearsal, Stock
from ddkit.experts.trajectories.buffer import Buffer
from ddkit.experts.trajectories.collect import collect
from ddkit.experts.trajectories.trajectories import Trajectories
from ddkit.home import experts_home
from ddkit.randomness import stream
from ddkit.run import Meter
from ddkit.task import Task


@dataclass(frozen=True)
class TrajectorySource:
    """Experts whose first `epochs` epochs are read."""

    settings: ExpertSettings
    task: Task
    epochs: int

    rehearsed = "one expert"

    @cached_property
    def key(self) -> BufferKey:
        """The key of the buffer."""
        task = self.task
        return BufferKey(task.real.data.name, task.real.digest, task.dsa.strategy, task.net.spec, self.settings)

    def stock(self) -> Stock:
        buffer, rows, count = Buffer(experts_home() / "buffers" / self.key.folder), self.epochs + 1, self.settings.count
        missing = [expert for expert in range(count) if buffer.rows(expert) < rows]
        size = HEADER + rows * self.task.net.parameters * getattr(torch, self.settings.dtype).itemsize
        replaced = sum(buffer.file(expert).stat().st_size for expert in missing if buffer.file(expert).exists())
        return Stock(count - len(missing), len(missing), size, max(0, len(missing) * size - replaced))

    def files(self) -> list[Path]:
        buffer = Buffer(experts_home() / "buffers" / self.key.folder)
        return [buffer.key_file, *(buffer.file(expert) for expert in range(self.settings.count))]

    @contextmanager
    def obtain(self, meter: Meter) -> Iterator[Experts]:
        root = experts_home() / "buffers"
        with Buffer(root / self.key.folder).in_use(meter):
            found = collect(Buffer.open(root, self.key), self.task, self.settings, self.epochs, meter)
            yield Experts(trajectories=found, digest=self.key.digest, trained=found.trained)

    def stand_ins(self, folder: Path, seed: int) -> Experts:
        """One expert with two rows: an initialisation, and the same plus a small random step."""
        buffer, generator = Buffer.open(folder, self.key), stream(seed, "plan")
        theta = self.task.net.init(generator)
        rows = [theta, theta + 0.01 * torch.randn(len(theta), generator=generator)]
        buffer.write(0, torch.stack(rows), self.settings.dtype, {})
        return Experts(trajectories=Trajectories(buffer, 1, self.task.device))

    def rehearsals(self) -> list[Rehearsal]:
        """One rehearsal, as the trainings of all experts cost the same."""
        return [Rehearsal(self.settings, self.task, self.epochs, self.epochs + 1)]

    def ways_to_less_disk(self, stock: Stock, free: int) -> list[str]:
        ways, fitting = [], stock.there + free // stock.expert
        if self.settings.dtype == "float32" and (stock.there + stock.missing) * stock.expert // 2 <= free:
            ways.append("set experts.dtype=bfloat16, which halves all experts (and trains all of them again)")
        return [*ways, f"set experts.count={fitting}"] if fitting else ways
