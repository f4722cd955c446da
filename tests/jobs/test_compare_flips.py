"""Hosts beside the same hosts with FYI: one policy of flips for all rows of a group, in table and training."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from ddkit.cli.main import run
from ddkit.data import DSA
from ddkit.evaluation import honest
from ddkit.experts import Ensemble, bundle_of
from ddkit.jobs import compare
from ddkit.jobs.comparison.images import candidate_of
from ddkit.jobs.comparison.rules import Rules, flip_policy
from ddkit.jobs.data.loading import load_task
from ddkit.jobs.flips import measure as flip_module
from ddkit.jobs.machine.device import pick_device
from ddkit.randomness import stream
from ddkit.run import SilentMeter

RECIPE = """
[data]
name = "npz:noise.npz"
augment = "crop_flip"
flips_keep_label = true
[net]
name = "convnet"
depth = 1
width = 4
[method]
name = "dm"
iterations = 1
batch_real = 8
[evaluate]
nets = 2
steps = 2
epochs = 1
batch = 64
whole = false
"""


def recipes(folder: Path) -> list[str]:
    """A host on noise, and the host with FYI."""
    draw, count = np.random.default_rng(0), 120
    images = draw.integers(0, 256, (count, 8, 8, 1), dtype=np.uint8)
    np.savez(folder / "noise.npz", train_images=images, train_labels=np.arange(count) % 2)
    (folder / "dm.toml").write_text(RECIPE)
    return ["dm.toml", "dm.toml+fyi"]


def test_a_comparison_holds_a_host_against_itself_with_fyi(home, tmp_path, monkeypatch, capsys) -> None:
    """Under each policy all rows are trained alike; without one, flips come with FYI."""
    monkeypatch.chdir(tmp_path)
    both = recipes(tmp_path)
    found = compare(both, sets=1, flips=("augment", "always"))
    assert [(line.flip_share, line.name) for line in found.lines if line.name.startswith("dm")] == [
        *[(0.25, "dm"), (0.25, "dm+fyi"), (0.5, "dm"), (0.5, "dm+fyi")]
    ]
    assert "crop_flip, flip+crop" in found.notes[-1]
    Path("fyi.toml").write_text(
        Path("dm.toml")
        .read_text()
        .replace("flips_keep_label = true", "")
        .replace('name = "dm"', 'name = "dm"\nfyi = true')
        .replace('"crop_flip"', '"crop_flip"\nflips_keep_label = true\n')
    )
    apart = compare(["dm.toml", "fyi.toml"], sets=1)  # two files, one policy: a word on flips does not part them
    assert [line.name for line in apart.lines][:2] == ["dm", "dm+fyi"] and len(apart.lines) == 6
    alone = {line.flip_share for line in compare(["dm.toml"], sets=1).lines}
    together = {line.flip_share for line in compare(both, sets=1).lines}
    assert (alone, together) == ({0.25}, {0.5})
    assert run(["compare", *both, "--sets", "1", "--flips", "always", "--flips", "augment"]) == 0
    assert "flips" in capsys.readouterr().out
    twice = compare(both, sets=1, flips=("auto", "always", "always"))  # one policy here
    assert len(twice.lines) == 6 and {line.flip_share for line in twice.lines} == {0.5}
    assert run(["compare", *both, "--flips", "sometimes"]) == 2
    monkeypatch.setattr(flip_module, "STEPS", 20)
    messages: list[str] = []
    meter = SilentMeter()
    monkeypatch.setattr(meter, "say", messages.append)
    compare(["fyi.toml"], sets=1, overrides=("data.name=digits",), meter=meter)  # allowed there
    compare(both, sets=1, overrides=("data.name=digits",), meter=meter)
    assert len([line for line in messages if line.startswith("flips on 'digits'")]) == 2  # once a comparison


def test_what_the_table_says_of_flips_is_what_all_rows_were_trained_under(home, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    plain, trained = honest.train_networks, tmp_path / "trained"

    def spy(*arguments, **named):
        (dsa,) = [value for value in (*arguments, *named.values()) if isinstance(value, DSA)]
        with trained.open("a") as file:  # sets are scored in processes of their own
            file.write(f"{dsa.strategy}\n")
        return plain(*arguments, **named)

    monkeypatch.setattr(honest, "train_networks", spy)
    compare(recipes(tmp_path), sets=1, flips=("augment", "always"))
    assert Counter(trained.read_text().split()) == {"crop_flip": 5, "flip+crop": 5}  # dm, dm+fyi and three rivals


@pytest.mark.parametrize(
    ("host", "fyi", "together"),
    [
        ("auto", "auto", "always"),
        ("auto", "augment", "augment"),
        ("augment", "auto", "always"),
        ("augment", "augment", "augment"),
        ("always", "augment", "always"),
    ],
)
def test_without_a_policy_a_group_is_mirrored_where_one_of_it_would_be_alone(
    home, tmp_path, monkeypatch, host: str, fyi: str, together: str
) -> None:
    monkeypatch.chdir(tmp_path)
    recipes(tmp_path)
    one = candidate_of("dm.toml", (f"evaluate.flips={host}",), 1)
    other = candidate_of("dm.toml+fyi", (f"evaluate.flips={fyi}",), 1)
    assert one.group == other.group
    assert flip_policy([one, other], None) == together
    assert (flip_policy([one, other], "augment"), flip_policy([one, other], "auto")) == ("augment", "always")


def test_a_note_warns_against_comparing_rows_under_different_flips(home, tmp_path, monkeypatch) -> None:
    """A host and FYI that are judged by other numbers of networks stand in groups of their own."""
    monkeypatch.chdir(tmp_path)
    recipes(tmp_path)
    Path("fyi.toml").write_text(RECIPE.replace('"dm"', '"dm"\nfyi = true').replace("nets = 2", "nets = 3"))
    for nets, differ in ((None, True), (2, False)):
        notes = compare(["dm.toml", "fyi.toml"], sets=1, nets=nets).notes
        assert any(note.startswith("do not compare rows under different flips") for note in notes) == differ


def test_teachers_name_both_orientations_where_a_group_with_fyi_is_mirrored(home, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    host, fyi = (candidate_of(name, (), 1) for name in recipes(tmp_path))
    task = load_task(host.recipes[0].data, host.recipes[0].net, pick_device("cpu"))
    teachers = Ensemble((bundle_of(task, task.net.init(stream(0, "teacher"))),))
    for candidates, flips, both in (
        ([host, fyi], "always", True),
        ([host, fyi], "augment", False),
        ([host], None, False),
    ):
        assert Rules.of(candidates, task, "test", flips, "static", teachers).table.labels.teachers.mirrored == both
