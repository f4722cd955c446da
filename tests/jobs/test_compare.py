"""One table of several recipes and sets: each score that of `condense`, intervals by hand, and nothing done twice."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
import pytest
from scipy.stats import t as student_t

from ddkit.cli.main import run
from ddkit.data import RealData
from ddkit.errors import DataError, UsageError
from ddkit.evaluation import honest, row_work
from ddkit.executors import executor_in_use
from ddkit.jobs import compare, condense
from ddkit.jobs.comparison import images, set_folder
from ddkit.jobs.comparison.lines import Line
from ddkit.run import SilentMeter

RECIPE = """
seed = {seed}
[data]
name = "digits"
[net]
name = "convnet"
depth = 1
width = 4
{experts}
[method]
name = "{method}"
ipc = {ipc}
{rest}
[evaluate]
nets = 2
steps = 4
epochs = 1
batch = 64
"""
TRAJECTORY = {
    "experts": '[experts]\nname = "plain"\ncount = 2\nbatch = 256',
    "rest": "iterations = 2\nsyn_steps = 2\nmax_start_epoch = 1\nexpert_epochs = 1",
}


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path):
    """recipe(method, ipc=1, seed=0) -> the name of a file in the working folder"""
    monkeypatch.chdir(tmp_path)

    def write(method: str, ipc: int = 1, seed: int = 0, name: str = "") -> str:
        more = TRAJECTORY if method == "mtt" else {"experts": "", "rest": ""}
        file = f"{name or method}-{ipc}.toml"
        (tmp_path / file).write_text(RECIPE.format(method=method, ipc=ipc, seed=seed, **more))
        return file

    return write


def test_one_set_is_scored_as_condense_scores_it(recipe) -> None:
    file = recipe("mtt")
    alone = condense(recipe=file, out="alone").evaluation
    assert alone is not None
    found = compare([file], sets=1)
    assert [line.name for line in found.lines] == ["mtt", "random-real", "herding", "kmeans", "whole", "majority class"]
    for line, score in zip(found.lines, alone.scores, strict=True):
        assert line.overall.accuracies == score.accuracies and line.overall.lr == score.lr
        assert line.overall.of("balanced") == score.of("balanced")
    assert found.lines[0].seconds[0] > 0 and found.lines[0].expert_seconds is None  # `condense` trained them


def test_several_sets_several_recipes(recipe) -> None:
    files = [recipe("mtt"), recipe("random"), recipe("random", ipc=2)]
    found = compare(files, sets=2)
    assert [(line.ipc, line.name, len(line.scores)) for line in found.lines] == [
        *[(1, "mtt", 2), (1, "random", 2), (1, "random-real", 2), (1, "herding", 2), (1, "kmeans", 2), (1, "whole", 1)],
        (1, "majority class", 1),
        *[(2, "random", 2), (2, "random-real", 2), (2, "herding", 2), (2, "kmeans", 2), (2, "whole", 1)],
        (2, "majority class", 1),
    ]
    assert found.lines[0].expert_seconds is not None and found.lines[1].expert_seconds is None
    second = condense(recipe=files[0], seed=1, out="second").evaluation
    assert second is not None and found.lines[0].scores[1].accuracies == second.scores[0].accuracies
    line = found.lines[1]
    means = [fmean(score.accuracies) for score in line.scores]
    assert line.overall.mean == pytest.approx(fmean(means))
    assert line.overall.interval == pytest.approx(student_t.ppf(0.975, 1) * stdev(means) / math.sqrt(2))


def test_recipes_of_one_method_go_by_their_own_names(recipe) -> None:
    found = compare([recipe("random", name="this"), recipe("random", name="that")], sets=1)
    assert [line.name for line in found.lines[:2]] == ["this-1", "that-1"]


def test_what_is_finished_is_not_done_again(recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ddkit.executors.local.process_count", lambda: 1)
    file, done = recipe("random"), []
    first = compare([file], sets=2)
    for name, module in (("make", set_folder), ("score_row", honest)):
        real = getattr(module, name)
        monkeypatch.setattr(
            module, name, lambda *a, _real=real, _name=name, **k: (done.append(_name), _real(*a, **k))[1]
        )
    assert compare([file], sets=2) == first and done == []
    next(Path("runs/compare/scores").iterdir()).unlink()
    again = compare([file], sets=2)
    assert done == ["score_row"]
    assert [line.overall.accuracies for line in again.lines] == [line.overall.accuracies for line in first.lines]
    compare([file], sets=2, overrides=("evaluate.steps=5",))
    assert done.count("make") == 0 and done.count("score_row") == 1 + 7 + 2  # the whole set once
    compare([file], sets=2, overrides=("data.validation=0.2",))
    assert done.count("make") == 2


def test_rows_are_scored_one_by_one_where_memory_is_short(recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    counts, real = [], images.score_all
    monkeypatch.setattr("ddkit.executors.local.process_count", lambda: 2)
    monkeypatch.setattr(images, "score_all", lambda *a: (counts.append(executor_in_use().at_once(a[5])), real(*a))[1])
    file = recipe("random")
    compare([file], sets=1)
    monkeypatch.setattr("ddkit.executors.local.free_memory", lambda device: 2**20)
    compare([file], sets=1, overrides=("evaluate.steps=4",))
    assert counts == [2, 1]


class Recorder(SilentMeter):
    """Its `done` are the amounts of finished work of each progress, and its `totals` the amounts of all work."""

    def __init__(self) -> None:
        self.done: dict[str, list[int]] = {}
        self.totals: dict[str, int] = {}

    def start(self, title: str, total: int, done: int = 0) -> None:
        self.title = title
        self.totals[title], self.done[title] = total, []

    def advance(self, done: int, values: Mapping[str, float] | None = None) -> None:
        self.done[self.title].append(done)


def test_progress_moves_within_a_row_and_ends_at_the_total(recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ddkit.executors.local.process_count", lambda: 1)
    monkeypatch.setattr(row_work, "PACE", 0.0)
    file, meters = recipe("random"), (Recorder(), Recorder())
    rows, title = 2 * 4 + 1, "scoring sets, in images"
    for meter in meters:
        compare([file], sets=2, meter=meter)
        assert meter.done[title] == sorted(meter.done[title])
        assert meter.done[title][-1] == meter.totals[title] == meters[0].totals[title]
    assert len(meters[0].done[title]) > 2 * rows
    assert len(meters[1].done[title]) == rows  # stored scores count as finished work


def test_on_the_validation_part_the_test_part_is_never_met(recipe, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    def refuse(self: RealData) -> None:
        raise AssertionError("the test part was looked at")

    file = recipe("mtt")
    test = compare([file], sets=1)
    monkeypatch.setattr(RealData, "test", property(refuse))
    assert run(["compare", file, "--sets", "1", "--on", "validation", "--set", "evaluate.whole=false"]) == 0
    assert "validation %" in capsys.readouterr().out
    found = compare([file], sets=1, on="validation", overrides=("evaluate.whole=false",))
    assert "VALIDATION" in found.notes[0]
    assert found.lines[0].overall.accuracies != test.lines[0].overall.accuracies
    assert all(round(142 * a) == pytest.approx(142 * a) for a in found.lines[0].overall.accuracies)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"recipes": []}, "at least one recipe"),
        ({"sets": 0}, "one set"),
        ({"on": "train"}, "'train' is no part"),
        ({"overrides": ("method.ipc=9999",)}, "ipc 9999"),
    ],
)
def test_wrong_requests_are_one_line(recipe, arguments, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        compare(**({"recipes": [recipe("random")]} | arguments))


def test_an_error_in_a_process_is_one_line_and_keeps_the_others(recipe, capsys) -> None:
    broken = ["--set", "method.lr_img=1e30", "--set", "method.iterations=20"]
    assert run(["compare", recipe("mtt"), "--sets", "1", *broken]) == 4
    assert "lower method.lr_img" in capsys.readouterr().err


def test_a_set_that_cannot_be_read_is_left_out_and_the_rest_is_scored(recipe, capsys) -> None:
    files = [recipe("random"), recipe("herding")]
    whole = compare(files, sets=2)
    bad = next(Path("runs/compare").glob("random-1-*-seed1/set.h5"))
    bad.write_bytes(bad.read_bytes()[:-1])
    assert run(["compare", *files, "--sets", "2"]) == 3
    out, err = capsys.readouterr()
    assert f"left out: set '{bad}': is damaged" in err and "its seal is for" in out
    assert err.splitlines()[-1] == "ddkit: compare: left out 1 set that cannot be read; see the table's notes"
    found = compare(files, sets=2)
    assert found.damaged == (str(bad),)
    assert [len(line.scores) for line in found.lines] == [1, *[len(line.scores) for line in whole.lines[1:]]]
    assert found.lines[0].scores == whole.lines[0].scores[:1] and found.lines[1:] == whole.lines[1:]
    other = next(Path("runs/compare").glob("random-1-*-seed0/set.h5"))
    other.write_bytes(b"")
    assert compare(files, sets=2).lines == whole.lines[1:]


def test_a_run_that_went_on_under_other_settings_is_refused(recipe, capsys) -> None:
    file = recipe("mtt")
    broken = ["--sets", "1", "--set", "method.lr_img=1e30"]
    assert run(["compare", file, *broken]) == 4
    (folder,) = Path("runs/compare").glob("mtt-1-*-seed0")
    condense(out=folder, resume=True, overrides=("method.lr_img=1",), evaluate=False)  # as the error line advises
    capsys.readouterr()
    assert run(["compare", file, *broken]) == 2
    assert "was resumed with other settings" in capsys.readouterr().err


def test_a_set_of_other_data_is_refused(recipe) -> None:
    def write(seed: int) -> None:
        labels = np.arange(3).repeat(30)
        images = np.random.RandomState(seed).randint(0, 255, (90, 8, 8, 1)).astype(np.uint8)
        parts = {"train_images": images, "train_labels": labels, "test_images": images, "test_labels": labels}
        np.savez("mine.npz", **parts)

    wanted = {"sets": 1, "overrides": ("data.name=npz:mine.npz", "evaluate.whole=false")}
    write(0)
    compare([recipe("random")], **wanted)
    write(1)
    with pytest.raises(DataError, match=r"was made with other data .*choose another --out"):
        compare([recipe("random")], **wanted)


def test_the_command_prints_the_table_and_writes_it(recipe, capsys) -> None:
    file = recipe("random")
    assert run(["compare", file, "--sets", "2", "--json", "table.json"]) == 0
    out = capsys.readouterr().out
    assert "random-real" in out and "2 x 2" in out and "digits, 1" in out
    table = json.loads(Path("table.json").read_text())
    assert len(table["lines"]) == 6 and table["lines"][-1]["interval95"] is None
    assert table["lines"][0]["mean"] == pytest.approx(
        Line("digits", 1, 0.0, "auto", "", compare([file], sets=2).lines[0].scores).overall.mean
    )
