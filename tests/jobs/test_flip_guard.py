"""Who may be mirrored: declared, overridden, or measured on the real data."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from ddkit.cli.main import run
from ddkit.errors import UsageError
from ddkit.jobs import compare, condense, flip_guard
from ddkit.jobs.flip_guard import FlipTest, flip_test
from ddkit.recipe import DataSettings
from ddkit.synth import load

QUICK = (
    *("method.iterations=1", "method.batch_real=8", "net.depth=1", "net.width=4", "data.augment="),
    *("evaluate.nets=2", "evaluate.steps=2", "evaluate.epochs=1", "evaluate.batch=64", "evaluate.whole=false"),
)


class Told:
    """A meter that keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def start(self, *_: object) -> None: ...
    def advance(self, *_: object) -> None: ...
    def finish(self) -> None: ...
    def say(self, text: str) -> None:
        self.lines.append(text)


def write(path: Path, label_is_side: bool) -> str:
    """A bright bar on one side of a noisy image. It is the label, or the label is how bright it is."""
    generator = np.random.default_rng(0)
    parts = {}
    for part, count in (("train", 400), ("test", 40)):
        side, bright = generator.integers(0, 2, (2, count))
        images = generator.integers(0, 60, (count, 16, 16, 1))
        for image, right, strong in zip(images, side, bright, strict=True):
            image[:, slice(9, 14) if right else slice(2, 7)] += 150 if strong else 60
        parts |= {f"{part}_images": images.astype(np.uint8), f"{part}_labels": side if label_is_side else bright}
    np.savez(path, **parts)
    return f"npz:{path}"


@pytest.mark.parametrize("keys", [("method.fyi=true",), ("data.augment=flip_crop",), ("evaluate.flips=always",)])
def test_digits_are_not_mirrored(home, tmp_path, monkeypatch, keys) -> None:
    monkeypatch.chdir(tmp_path)
    key = keys[0].partition("=")[0]
    with pytest.raises(UsageError, match=rf"key '{key}': mirrors images, .*'digits' no longer has its label"):
        condense("dm", overrides=QUICK + keys)
    assert not list(tmp_path.rglob("*.h5"))


def test_the_flag_is_refused_on_digits_and_for_real_images(home, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments, says in (
        (["--method", "mtt"], "key 'method.fyi': mirrors images.*leave --fyi out, or say --set data.flips_keep_label"),
        (["--method", "kmeans"], "method 'kmeans' learns no images, so FYI could change nothing"),
    ):
        assert run(["condense", "--fyi", *arguments]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert re.search(says, error), error


def test_overridden_it_says_what_flips_cost_and_goes_on(home, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(flip_guard, "STEPS", 20)
    meter = Told()
    settings = (*QUICK, "data.flips_keep_label=true")
    made = condense("dm", fyi=True, overrides=settings, meter=meter)
    assert any("flips on 'digits': a small ConvNet has" in line for line in meter.lines)
    assert made.folder.name == "dm-fyi-digits-ipc1-seed0"
    assert made.set.facts.evaluation_flip == 0.5 and load(made.folder).facts.evaluation_flip == 0.5
    assert made.evaluation is not None and "augmentation of every row: flip" in made.evaluation.notes


def test_fashion_is_declared_and_not_measured(monkeypatch, tiny) -> None:
    monkeypatch.setattr(flip_guard, "flip_test", lambda real: pytest.fail("was measured"))
    declared = dataclasses.replace(tiny, data=dataclasses.replace(tiny.data, flips_keep_label=True))
    flip_guard.refuse_harmful_flips("method.fyi", "", DataSettings(), declared, Told())


@pytest.mark.parametrize("label_is_side", [True, False])
def test_where_nobody_says_it_is_measured(home, tmp_path, monkeypatch, label_is_side: bool) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(flip_guard, "STEPS", 60)
    data, meter = write(tmp_path / "bars.npz", label_is_side), Told()
    if label_is_side:
        with pytest.raises(UsageError, match=r"on validation without flips and .* does not seem to keep its label"):
            condense("dm", data=data, fyi=True, overrides=QUICK, meter=meter)
    else:
        condense("dm", data=data, fyi=True, overrides=QUICK, meter=meter, evaluate=False)
    assert len([line for line in meter.lines if line.startswith("flips on")]) == 1


def test_a_loss_counts_beyond_its_interval_and_one_point(tiny) -> None:
    assert FlipTest((0.9, 0.91, 0.92), (0.8, 0.81, 0.815)).harmful
    assert not FlipTest((0.9, 0.91, 0.92), (0.8, 0.92, 0.91)).harmful  # within the interval
    assert not FlipTest((0.9, 0.91, 0.92), (0.895, 0.905, 0.915)).harmful  # half a point
    assert FlipTest((0.9, 0.91), (0.8, 0.81)).loss == pytest.approx(0.1)


def test_both_kinds_of_networks_begin_alike(tiny, monkeypatch) -> None:
    begun = []
    monkeypatch.setattr(flip_guard, "STEPS", 0)
    real = flip_guard.train_networks
    monkeypatch.setattr(flip_guard, "train_networks", lambda *a, **k: begun.append(real(*a, **k)) or begun[-1])
    flip_test(tiny)
    assert len(begun) == 2 and torch.equal(begun[0].theta, begun[1].theta)


def test_a_comparison_holds_a_host_against_itself_with_fyi(home, tmp_path, monkeypatch, capsys) -> None:
    """Under each policy all rows are trained alike; without one, flips come with FYI."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "bars.npz", label_is_side=False)
    (tmp_path / "dm.toml").write_text(
        '[data]\nname = "npz:bars.npz"\naugment = "crop_flip"\nflips_keep_label = true\n[net]\nname = "convnet"\n'
        'depth = 1\nwidth = 4\n[method]\nname = "dm"\niterations = 1\nbatch_real = 8\n'
        "[evaluate]\nnets = 2\nsteps = 2\nepochs = 1\nbatch = 64\nwhole = false\n"
    )
    both = ["dm.toml", "dm.toml+fyi"]
    found = compare(both, sets=1, flips=("augment", "always"))
    assert [(line.flip_share, line.name) for line in found.lines if line.name.startswith("dm")] == [
        *[(0.25, "dm"), (0.25, "dm+fyi"), (0.5, "dm"), (0.5, "dm+fyi")]
    ]
    alone = {line.flip_share for line in compare(["dm.toml"], sets=1).lines}
    together = {line.flip_share for line in compare(both, sets=1).lines}
    assert (alone, together) == ({0.25}, {0.5})
    assert run(["compare", *both, "--sets", "1", "--flips", "always", "--flips", "augment"]) == 0
    assert "flips" in capsys.readouterr().out
    assert run(["compare", *both, "--flips", "sometimes"]) == 2
