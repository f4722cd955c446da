"""`compare` takes recipes for graphs, as from the shell so from Python."""

import json
from pathlib import Path

import pytest
from listener import Listener
from own_graphs import own

import ddkit
from ddkit.cli.main import run
from ddkit.errors import DataError, UsageError

RECIPE = """[data]
name = "{data}"
[method]
name = "{method}"
hops = 1
ratio = 0.3
[evaluate]
gnns = "gin,sage"
nets = 2
steps = 3
whole_steps = 3
"""


@pytest.fixture
def recipes(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two recipes for the same graphs."""
    monkeypatch.chdir(tmp_path)
    data = own(tmp_path / "own")
    for method in ("mirage", "mirage-plus"):
        Path(f"{method}.toml").write_text(RECIPE.format(method=method, data=data))
    return ["mirage.toml", "mirage-plus.toml"]


def test_a_line_is_scored_as_condense_scores_its_set(recipes: list[str]) -> None:
    alone = ddkit.condense(recipe=recipes[0], out="alone").evaluation
    assert alone is not None
    table = ddkit.compare(recipes, sets=1)
    expected = {(score.name, score.net): score.metrics for score in alone.scores}
    found = {(line.name, line.net): line.overall.metrics for line in table.lines}
    same = [("mirage", "gin"), ("mirage", "sage"), ("untrained", "gin"), ("whole", "sage"), ("majority class", "")]
    assert all(found[key] == expected[key] for key in same)
    assert found["random, as mirage", "gin"] == expected["random, bytes as stored", "gin"]
    assert {line.name for line in table.lines} >= {"mirage-plus", "herding, as mirage", "graph size"}
    assert sum(line.name == "whole" for line in table.lines) == 2  # once for each network, not for each recipe


def test_it_goes_on_with_what_is_kept(recipes: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    first = ddkit.compare(recipes[:1], sets=2)
    assert all(len(line.scores) == 2 for line in first.lines if line.net)
    monkeypatch.setattr("ddkit.evaluation.GraphJudge.score", None)
    monkeypatch.setattr("ddkit.methods.mirage.Mirage.distil", None)
    assert ddkit.compare(recipes[:1], sets=2).tables() == first.tables()


def test_processes_change_neither_scores_nor_sets(recipes: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    tables, sets = [], []
    for count in (1, 2):
        monkeypatch.setattr("ddkit.executors.local.process_count", lambda count=count: count)
        found = ddkit.compare(recipes, sets=2, out=f"with-{count}")
        tables.append(
            [(line.name, line.net, [score.metrics for score in line.scores]) for line in found.lines] + [found.notes]
        )
        sets.append({file.parent.name: file.read_bytes() for file in Path(f"with-{count}").glob("*/set.h5")})
    assert tables[0] == tables[1] and sets[0] == sets[1] and len(sets[0]) == 4


def test_scores_of_other_versions_are_not_reused(recipes: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    ddkit.compare(recipes[:1], sets=1)
    (folder,) = Path("runs/compare").glob("scores")
    before = {file.name for file in folder.iterdir()}
    monkeypatch.setattr("ddkit.jobs.tables.kept_rows.versions", lambda: {"torch": "another"})
    ddkit.compare(recipes[:1], sets=1)
    after = {file.name for file in folder.iterdir()}
    assert len(after) == 2 * len(before) and before < after


def test_the_command_prints_the_same_table(recipes: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compare", *recipes, "--sets", "1", "--on", "validation", "--json", "table.json"]) == 0
    text = capsys.readouterr().out
    assert "network" in text and "AUC %" in text and "random, as mirage" in text
    table = json.loads(Path("table.json").read_text())
    assert table["on"] == "validation" and {line["name"] for line in table["lines"]} >= {"mirage", "mirage-plus"}


def test_a_damaged_set_is_left_out_and_the_rest_is_scored(
    recipes: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """As in a comparison of images: a line, a note, `damaged`, exit code 3, and the file stays as it is."""
    first = ddkit.compare(recipes, sets=2)
    bad = next(Path("runs/compare").glob("mirage-[0-9a-f]*-seed0/set.h5"))
    cut = bad.read_bytes()[:-1]
    bad.write_bytes(cut)
    assert run(["compare", *recipes, "--sets", "2"]) == 3
    out, err = capsys.readouterr()
    assert f"left out: set '{bad}': is damaged" in err and "its seal is for" in out
    assert err.splitlines()[-1] == "ddkit: compare: left out 1 set that cannot be read; see the table's notes"
    listener = Listener()
    found = ddkit.compare(recipes, sets=2, meter=listener)
    assert found.damaged == (str(bad),) and bad.read_bytes() == cut
    (line,) = [line for line in listener.lines if line.startswith("left out: ")]
    assert line in found.notes
    rest, every = ({(line.name, line.net): line.scores for line in table.lines} for table in (found, first))
    of_bad = {"mirage", "random, as mirage", "random, as mirage written out", "herding, as mirage"}
    assert rest == {key: scores[1:] if key[0] in of_bad else scores for key, scores in every.items()}
    next(Path("runs/compare").glob("mirage-[0-9a-f]*-seed1/set.h5")).write_bytes(b"")
    found = ddkit.compare(recipes, sets=2)
    assert "mirage" not in {line.name for line in found.lines} and len(found.damaged) == 2


def test_a_damaged_set_of_an_unfinished_run_is_made_again(recipes: list[str]) -> None:
    first = ddkit.compare(recipes[:1], sets=1)
    (file,) = Path("runs/compare").glob("mirage*/set.h5")
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    file.with_name("seconds.json").unlink()
    listener = Listener()
    found = ddkit.compare(recipes[:1], sets=1, meter=listener)
    assert [line.scores for line in found.lines] == [line.scores for line in first.lines] and found.damaged == ()
    assert file.read_bytes() == whole and any("made again: " in line for line in listener.lines)


def test_a_set_of_other_graphs_is_refused(recipes: list[str], tmp_path: Path) -> None:
    ddkit.compare(recipes[:1], sets=1)
    own(tmp_path / "own", seed=1)  # other graphs in its place
    with pytest.raises(DataError, match=r"was made with other data .*choose another --out"):
        ddkit.compare(recipes[:1], sets=1)


def test_what_cannot_be_compared_is_one_line(recipes: list[str]) -> None:
    Path("unlike.toml").write_text(Path(recipes[0]).read_text().replace("steps = 3", "steps = 4"))
    for wrong, words in (
        ({"recipes": [recipes[0], "dm-digits-ipc1"]}, "one table cannot hold recipes for images and for graphs"),
        ({"recipes": recipes, "flips": ["always"]}, "option --flips: is for images"),
        ({"recipes": recipes, "device": "cuda"}, "option --device: must be cpu for graphs"),
        ({"recipes": [recipes[0]] * 2}, "two recipes have one name"),
        ({"recipes": [recipes[0], "unlike.toml"]}, "'mirage' and 'unlike' differ in \\[evaluate\\] or seed"),
    ):
        with pytest.raises(UsageError, match=words):
            ddkit.compare(**wrong)
    assert not Path("runs").exists()
