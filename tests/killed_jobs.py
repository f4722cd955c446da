"""Small jobs of every kind, each a command line in a fresh folder, to be killed at any moment and gone on with.

A test, or a campaign of many kills, does

    place = Place(tmp_path / "one")
    process = start(JOBS["ftd"], place)
    stop(process, signal.SIGTERM, after=1.3)
    assert not alive(place) and not left_over(place)
    go_on(JOBS["ftd"], place)
    assert results(JOBS["ftd"], place) == results(JOBS["ftd"], whole)
"""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from lean_ddkit import lend_digits
from lent_kernels import LENDER, lend_kernels

ROOT = Path(__file__).parents[1]

SMALL = ("--set", "net.width=4", "--set", "net.depth=1")
"""A network that costs next to nothing."""

TRAJECTORIES = (
    *("--set", "experts.count=2", "--set", "method.max_start_epoch=2", "--set", "method.syn_steps=5"),
    *("--set", "method.iterations=20", *SMALL),
)
TEACHERS = (
    *("--set", "experts.name=teacher", "--set", "experts.nets=mlp(depth=1, width=8); mlp(depth=1, width=9)"),
    *("--set", "experts.epochs=2", "--set", "experts.lr=0.01", "--set", "method.iterations=20"),
)
SCORED = (
    *("--set", "evaluate.nets=2", "--set", "evaluate.steps=20", "--set", "evaluate.epochs=1"),
    *("--set", "evaluate.whole=false"),
)
GRAPH_SCORED = ("--set", "evaluate.nets=2", "--set", "evaluate.steps=20", "--set", "evaluate.whole=false")


@dataclass(frozen=True)
class Place:
    """A fresh folder of a job: its own home, and the folder `out` that it writes."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def out(self) -> Path:
        return self.folder / "out"


@dataclass(frozen=True)
class Job:
    """A command line without --out; how it goes on; and the names of the files that must come out equal to the byte."""

    arguments: tuple[str, ...]
    again: tuple[str, ...] = ()
    made: tuple[str, ...] = ("out/**/set.h5", "out/**/initial.h5", "out/**/metrics.jsonl", "home/**/expert-*.h5")
    takes_out: bool = True


RUN = ("condense", "--device", "cpu")
JOBS = {
    "ftd": Job((*RUN, "--no-evaluate", *TRAJECTORIES), ("--resume",)),
    "datm": Job((*RUN, "--method", "datm", "--no-evaluate", *TRAJECTORIES), ("--resume",)),
    "dm": Job((*RUN, "--method", "dm", "--no-evaluate", "--set", "method.iterations=20", *SMALL), ("--resume",)),
    "sre2l": Job((*RUN, "--method", "sre2l", "--no-evaluate", *TEACHERS), ("--resume",)),
    "scored": Job((*RUN, "--method", "herding", *SCORED, *SMALL), ("--resume",)),
    "graphs": Job(("condense", "--method", "mirage", *GRAPH_SCORED), ("--resume",)),
    "compare": Job(
        ("compare", "dm-digits-ipc1", "--sets", "2", "--device", "cpu", "--set", "method.iterations=5", *SCORED, *SMALL)
    ),
    "teachers": Job(("teachers", "train", "--device", "cpu", *TEACHERS[:-2]), made=("home/**/*.pt",), takes_out=False),
}


def start(job: Job, place: Place, *more: str, threads: int = 1, ranks: int = 1) -> subprocess.Popen:
    """The job's command in its place; it does not ignore Ctrl-C, whatever this process does. With `threads` 2 or more
    experts are trained in processes of their own. With `ranks` 2 or more, torchrun starts as many processes. In a test
    session the command is `lean_ddkit`."""
    place.folder.mkdir(parents=True, exist_ok=True)
    lend_kernels(place.home)
    command = "ddkit"
    if LENDER in os.environ:
        lend_digits()
        command = "lean_ddkit"
    environment = os.environ | {
        "OMP_NUM_THREADS": str(threads),
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}",
        "DDKIT_HOME": str(place.home),
        "DDKIT_PLACE": str(place.folder),
    }
    out = ("--out", str(place.out)) if job.takes_out else ()
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks))
    return subprocess.Popen(
        [sys.executable, *(torchrun if ranks > 1 else ()), "-m", command, *job.arguments, *out, *more],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_heed_signals,
    )


def _heed_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def finish(process: subprocess.Popen, within: float = 300) -> str:
    """Wait until a job has succeeded, and return its standard error."""
    _, errors = process.communicate(timeout=within)
    assert process.returncode == 0, errors
    return errors


def stop(process: subprocess.Popen, number: signal.Signals, after: float = 0.0) -> tuple[int, str]:
    """Send a signal after so many seconds; return the exit code and standard error. A job may end before."""
    time.sleep(after)
    process.send_signal(number)
    _, errors = process.communicate(timeout=240)
    return process.returncode, errors


def go_on(job: Job, place: Place) -> str:
    """Go on with a job that was killed: by its own way where its run had begun, else from the beginning."""
    begun = (place.out / "recipe.toml").exists()
    return finish(start(job, place, *(job.again if begun else ())))


def results(job: Job, place: Place) -> dict[str, bytes]:
    """Name -> content of what a job has made."""
    files = {file for pattern in job.made for file in place.folder.glob(pattern)}
    assert files, f"nothing was made in {place.folder}"
    return {str(file.relative_to(place.folder)): file.read_bytes() for file in sorted(files)}


def left_over(place: Place) -> list[str]:
    """Files of locks and halves of files."""
    names = (file for file in place.folder.rglob(".*"))
    return sorted(str(file.relative_to(place.folder)) for file in names if file.suffix in (".part", ".lock"))


def alive(place: Place) -> list[int]:
    """Processes of a job that live, its children and theirs, by the variable that they inherit."""
    marked = f"DDKIT_PLACE={place.folder}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            ours = marked in (process / "environ").read_bytes().split(b"\0")
            if ours and (process / "stat").read_text().rpartition(")")[2].split()[0] != "Z":
                found.append(int(process.name))
        except OSError:  # it has ended, or is not ours to look at
            continue
    return found


def wait_for(truth, process: subprocess.Popen | None = None, within: float = 240) -> None:
    """Wait until something is so, while a process lives."""
    deadline = time.monotonic() + within
    while not truth():
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)  # `alive` reads the environment of every process of the machine
