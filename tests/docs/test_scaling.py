"""The arithmetic of docs/scale.md, by hand and against ddkit."""

import numpy as np
import pytest
import scaling
import torch
from scaling import Experts, Job
from score_file import ScoreFile

from ddkit.executors.messages import packed
from ddkit.experts.source import HEADER
from ddkit.jobs import condense
from ddkit.jobs.data.loading import load_task
from ddkit.jobs.recipes.resolve import resolve
from ddkit.run import SilentMeter

JOB = Job(1000, Experts(5, 3, 10, 7.0), sets=[4.0], rows=[1.0, 1.0, 3.0])


def test_bytes_by_hand() -> None:
    assert JOB.experts is not None and JOB.experts.bytes == HEADER + 4 * 10 * 4
    assert JOB.experts.buffer == 5 * JOB.experts.bytes and JOB.data == 5000
    large = scaling.imagenet(224)
    assert large.experts is not None and large.experts.parameters == 11_689_512  # as torchvision publishes
    assert large.data == 5 * 1_281_167 * 3 * 224 * 224
    assert scaling.gradient_bytes("cifar10") == 2 * 80 * 320_010 * 4


def test_an_expert_has_the_bytes_of_its_file(home, tmp_path) -> None:
    settings = (
        "experts.count=1",
        "method.max_start_epoch=3",
        "method.iterations=1",
        "method.syn_steps=2",
        "net.width=16",
    )
    condense("mtt", overrides=settings, device="cpu", out=tmp_path / "run", evaluate=False)
    (file,) = home.rglob("expert-*.h5")
    recipe = resolve(recipe=tmp_path / "run" / "recipe.toml")[0]
    task = load_task(recipe.data, recipe.net, torch.device("cpu"), SilentMeter())
    expert = Experts(1, recipe.method.reads_epochs, task.net.parameters, 1.0)
    assert expert.bytes == pytest.approx(file.stat().st_size, rel=0.02)


def test_data_travels_with_five_bytes_a_value() -> None:
    recipe = resolve(recipe="ftd-digits-ipc1")[0]
    task = load_task(recipe.data, recipe.net, torch.device("cpu"), SilentMeter())
    _ = task.real.test  # is preprocessed on first use
    values = task.real.data.train_images.numel() + task.real.data.test_images.numel()
    assert len(packed(task)) == pytest.approx(scaling.PER_VALUE * values, rel=0.1)


def test_stages_follow_each_other() -> None:
    assert JOB.stages(1) == [35.0, 4.0, 5.0] and JOB.seconds(1) == 44.0
    assert JOB.stages(2) == [21.0, 4.0, 3.0]
    assert JOB.most_speedup == 44.0 / (7.0 + 4.0 + 3.0)
    assert scaling.useful_workers(JOB) == 2


def test_the_simulation_by_hand() -> None:
    rows = tuple({"name": what, "seconds": s} for what in ("set", "row") for s in (1.0, 1.0, 2.0))
    table = scaling.schedule(ScoreFile("x", {}, rows)).splitlines()
    assert table[2] == "| 1 | 4.0 | 4.0 | 4.0 | 4.0 | 4.0 | 4.0 |"
    assert table[3] == "| 2 | 3.0 | 2.0 | 2.0 | 3.0 | 2.0 | 2.0 |"
    assert scaling.gain(ScoreFile("x", {}, rows), "set", 2) == 1.5


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3.0, "3.0 s"), (150.0, "2.5 min"), (7200.0, "2.0 h"), (864_000.0, "10.0 days"), (1e9, "31.7 years")],
)
def test_long_times_in_words(seconds: float, text: str) -> None:
    assert scaling.duration(seconds) == text


def test_measured_units_are_there_and_positive() -> None:
    """Every set and row of eight recipes x three sets, with their rivals, and the units of DATM."""
    comparison, units = ScoreFile.read("scale-comparison").rows, ScoreFile.read("scale-units").rows
    assert sum(row["name"] == "set" for row in comparison) == 24 < sum(row["name"] == "row" for row in comparison)
    assert np.all(np.array([row["seconds"] for row in (*comparison, *units)]) > 0)
