"""The arithmetic of docs/scale.md: bytes, network and time of three jobs, from one worker to a cluster.

Numbers of parameters, epochs and bytes come from ddkit and its recipes. Seconds are those of `scale-units.json` and
`scale-comparison.json` (benchmarks/scale.py): one thread of a processor. No seconds of a GPU are known.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from markdown_tables import markdown
from score_file import ScoreFile

from ddkit.evaluation import Score
from ddkit.executors.messages import packed
from ddkit.experts.source import HEADER
from ddkit.jobs.machine.amounts import size_text
from ddkit.jobs.planning.makespan import makespan
from ddkit.jobs.recipes.resolve import resolve
from ddkit.nets import FlatNet, parse_net

WORKERS = (1, 2, 8, 32, 128, 512)
"""Numbers of workers in the tables. One is a laptop's core."""

NETWORK = 1.25e9
"""Bytes a second that the driver's network carries: 10 Gbit/s, an assumption."""

PER_VALUE = 5
"""Bytes of a value of an image in ddkit: one as it is read, and four preprocessed (float32)."""

FLOAT32 = 4
ROWS = 400
"""Rows of the leaderboard."""

IMAGENET = 1_281_167
"""Training images of ImageNet-1k."""


@dataclass(frozen=True)
class Experts:
    """Equal experts.

    Attributes:
        count, epochs, parameters: of them; the initialisation is one more row than epochs.
        seconds: of one, on one thread.
    """

    count: int
    epochs: int
    parameters: int
    seconds: float

    @property
    def bytes(self) -> int:
        """Bytes of one expert, as a result on the network and as a file."""
        return HEADER + (self.epochs + 1) * self.parameters * FLOAT32

    @property
    def buffer(self) -> int:
        return self.count * self.bytes


@dataclass(frozen=True)
class Job:
    """One of the jobs of the page.

    Attributes:
        values: of all images, channels x height x width each.
        experts: None if the job has none.
        sets, rows: seconds of each.
    """

    values: int
    experts: Experts | None = None
    sets: Sequence[float] = ()
    rows: Sequence[float] = field(default_factory=tuple)

    @property
    def data(self) -> int:
        """Bytes of the data. They travel once to each machine, and each Ray worker unpacks its own copy."""
        return PER_VALUE * self.values

    def stages(self, workers: int) -> list[float]:
        """Seconds of experts, sets and rows, which follow each other. Within a stage units run side by side."""
        experts = [self.experts.seconds] * self.experts.count if self.experts else []
        return [makespan(seconds, workers) for seconds in (experts, self.sets, self.rows)]

    def seconds(self, workers: int) -> float:
        return sum(self.stages(workers))

    @property
    def most_speedup(self) -> float:
        """The time of one worker over that of as many workers as there are units."""
        return self.seconds(1) / self.seconds(max(ROWS, self.experts.count if self.experts else 1))


@cache
def imagenet(side: int) -> Job:
    """200 experts of ResNet18 on ImageNet-1k with images of this side, 50 epochs each."""
    images, epochs, shape = IMAGENET, 50, (3, side, side)
    net = FlatNet(parse_net("torchvision(model=resnet18)"), shape, 1000)
    image = _seconds("image", f"imagenet-{side}")[0]
    return Job(images * 3 * side * side, Experts(200, epochs, net.parameters, image * images * epochs))


@cache
def datm(data: str) -> Job:
    """DATM at fifty images a class with its published settings: experts, one set, one table."""
    name = f"datm-{data}-ipc50"
    recipe = resolve(recipe=name)[0]
    assert recipe.experts is not None
    net = FlatNet(recipe.net, (3, 32, 32), 100 if data == "cifar100" else 10)
    (expert,), sets, rows = (_seconds(what, name) for what in ("expert", "set", "row"))
    experts = Experts(recipe.experts.count, recipe.method.reads_epochs, net.parameters, expert)
    return Job(60_000 * 3 * 32 * 32, experts, sets, rows)


@cache
def leaderboard() -> Job:
    """400 rows of 500 images of CIFAR-10, of which one is the whole data."""
    job = datm("cifar10")
    one, whole = min(job.rows), max(job.rows)
    return Job(job.values, rows=[one] * (ROWS - 1) + [whole])


def times_as_fast(job: Job) -> str:
    """The largest speed-up, in words."""
    return f"{job.most_speedup:,.0f}" if job.most_speedup >= 10 else f"{job.most_speedup:.1f}"


def useful_workers(job: Job) -> int:
    """The smallest number of workers with which a job of rows takes no longer than its longest row."""
    return next(n for n in range(1, len(job.rows) + 1) if makespan(job.rows, n) <= max(job.rows))


def result_bytes() -> int:
    """Bytes of one row's scores."""
    return len(
        packed(Score(name="row", metrics={"accuracy": (0.5,) * 5}, samples=500, seconds=1.0, net="convnet", lr=0.01))
    )


def gradient_bytes(data: str) -> int:
    """Bytes that the ranks of one set add in an iteration: twice the parameters at every inner step."""
    recipe = resolve(recipe=f"datm-{data}-ipc50")[0]
    experts = datm(data).experts
    assert experts is not None
    return 2 * recipe.method.inner_steps * experts.parameters * FLOAT32


def iterations(data: str) -> int:
    """Iterations of DATM."""
    return resolve(recipe=f"datm-{data}-ipc50")[0].method.total_iterations


def times(jobs: dict[str, Job]) -> str:
    """A table of the time of each job by number of workers, and of the largest speed-up."""
    body = [[name, *(duration(job.seconds(n)) for n in WORKERS), times_as_fast(job)] for name, job in jobs.items()]
    return markdown(["workers", *map(str, WORKERS), "at most times as fast"], body)


def sizes(jobs: dict[str, Job]) -> str:
    """A table of the bytes of each job."""
    body = []
    for name, job in jobs.items():
        one, buffer = (size_text(job.experts.bytes), size_text(job.experts.buffer)) if job.experts else ("", "")
        body.append([name, size_text(job.data), one, buffer])
    return markdown(["bytes", "data, once to each machine", "one expert", "all experts"], body)


def network(jobs: dict[str, Job]) -> str:
    """A table of what the driver receives from experts, in bytes a second, and of the workers that fill its network."""
    body = []
    for name, job in jobs.items():
        assert job.experts is not None
        rate = job.experts.bytes / job.experts.seconds
        each = [f"{rate * min(n, job.experts.count) / 1e3:,.1f} kB/s" for n in WORKERS]
        body.append([name, *each, f"{NETWORK / job.experts.bytes:,.2f} x s"])
    return markdown(["workers", *map(str, WORKERS), "workers that fill 10 Gbit/s, at s seconds an expert"], body)


def schedule(file: ScoreFile) -> str:
    """A table of the time of a measured comparison's stages, as given and with the longest first."""
    body = []
    for workers in (1, 2, 4, 8, 16, 32):
        line = [str(workers)]
        for what in ("set", "row"):
            seconds = [row["seconds"] for row in file.rows if row["name"] == what]
            bound = max(sum(seconds) / workers, max(seconds))
            line += [f"{makespan(seconds, workers, first):.1f}" for first in (False, True)] + [f"{bound:.1f}"]
        body.append(line)
    headings = [f"{what}: {how}" for what in ("sets", "rows") for how in ("as given", "longest first", "no less than")]
    return markdown(["workers", *headings], body)


def gain(file: ScoreFile, what: str, workers: int) -> float:
    """The time as given over that with the longest first."""
    seconds = [row["seconds"] for row in file.rows if row["name"] == what]
    return makespan(seconds, workers, longest_first=False) / makespan(seconds, workers)


def duration(seconds: float) -> str:
    """Seconds in words, up to years."""
    for unit, length in (("years", 365 * 86400), ("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.1f} {unit}"
    return f"{seconds:.1f} s"


def _seconds(what: str, job: str) -> list[float]:
    return [row["seconds"] for row in ScoreFile.read("scale-units").rows if (row["name"], row["job"]) == (what, job)]
