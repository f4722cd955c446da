"""`torchrun -m ddkit condense`: the set of one process; one line and no process left where a rank is killed."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch
from killed_jobs import JOBS, RUN, SMALL, TRAJECTORIES, Job, Place, alive, finish, left_over, results, start, wait_for

from ddkit.synth import read_set

LONG = Job((*RUN, "--method", "dm", "--no-evaluate", "--set", "method.iterations=120", *SMALL))


def lines(said: str) -> list[str]:
    """ddkit's own last lines; torchrun adds a report."""
    return re.findall(r"^ddkit: (.*)$", said, re.MULTILINE)


def rank(place: Place, number: int) -> int:
    """The process of this rank."""
    for pid in alive(place):
        values = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        if f"RANK={number}".encode() in values:
            return pid
    raise AssertionError(f"no rank {number}")


def metrics(place: Place) -> bytes:
    file = place.out / "metrics.jsonl"
    return file.read_bytes() if file.exists() else b""


def ended(process: subprocess.Popen, within: float) -> str:
    """What a job said that has failed within so many seconds."""
    _, said = process.communicate(timeout=within)
    assert process.returncode == 1, said  # torchrun's
    return said


@pytest.mark.slow
def test_two_ranks_make_the_set_of_one_process_and_a_killed_run_goes_on_in_three(tmp_path: Path) -> None:
    """DM's classes are independent, so that all files but the record of the machine are equal to the byte."""
    alone, killed = Place(tmp_path / "alone"), Place(tmp_path / "killed")
    finish(start(LONG, alone))
    process = start(LONG, killed, ranks=2)
    wait_for(lambda: (killed.out / "checkpoint.pt").exists() and b'"iteration": 12,' in metrics(killed), process)
    os.kill(rank(killed, 1), signal.SIGKILL)
    begin = time.monotonic()
    said = ended(process, 20)
    assert time.monotonic() - begin < 10
    line = "rank 1 was killed or has crashed, so all ranks end; run the same command with --resume to go on"
    assert lines(said) == [line]
    assert not alive(killed) and not left_over(killed)
    finish(start(LONG, killed, "--resume", ranks=3))
    assert results(LONG, killed)["out/metrics.jsonl"] == results(LONG, alone)["out/metrics.jsonl"]
    made, expected = (read_set(place.out / "set.h5") for place in (killed, alone))
    assert torch.equal(made.images, expected.images)


@pytest.mark.slow
def test_the_leader_trains_the_experts_once_and_prints_alone(tmp_path: Path) -> None:
    alone, two = Place(tmp_path / "alone"), Place(tmp_path / "two")
    finish(start(JOBS["ftd"], alone))
    said = finish(start(JOBS["ftd"], two, ranks=2))
    assert said.count("condensing: 20/20") == 1 and said.count("training flat experts, epochs:") == 1
    made, expected = results(JOBS["ftd"], two), results(JOBS["ftd"], alone)
    assert made.keys() == expected.keys()
    assert all(made[name] == expected[name] for name in made if "expert-" in name or name.endswith("initial.h5"))
    one, other = (read_set(place.out / "set.h5") for place in (alone, two))
    torch.testing.assert_close(one.images, other.images, rtol=0, atol=1e-4)
    assert '"ranks": 2' in other.record.environment and "ranks" not in one.record.environment


@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
def test_two_gpus_make_the_set_of_one(tmp_path: Path) -> None:
    one, two = Place(tmp_path / "one"), Place(tmp_path / "two")
    job = Job(("condense", "--no-evaluate", *TRAJECTORIES))
    finish(start(job, one), within=600)
    finish(start(job, two, ranks=2), within=600)
    first, second = (read_set(place.out / "set.h5").images for place in (one, two))
    torch.testing.assert_close(first, second, rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("doctor",), "ddkit doctor: runs in one process, and torchrun started 2"),
        (("condense", "--method", "rded"), "method 'rded': runs in one process, and torchrun started 2"),
    ],
)
def test_wrong_use_is_one_line(arguments: tuple[str, ...], line: str, tmp_path: Path) -> None:
    place = Place(tmp_path / "one")
    said = ended(start(Job(arguments, takes_out=arguments[0] == "condense"), place, ranks=2), 60)
    (found,) = lines(said)
    assert found.startswith(line)
    assert re.search(r"exitcode\s*: 2 ", said)
    assert not place.out.exists()
