"""What a header claims, and whether a run is held to it."""

import json
from pathlib import Path

import pytest
import torch
from own_graphs import own

from ddkit.cli.main import run
from ddkit.errors import UsageError
from ddkit.evaluation import GraphJudge
from ddkit.jobs import verify
from ddkit.jobs.machine.environment import environment
from ddkit.jobs.verify import Verdict, header_scores, measured_on, where_measured
from ddkit.recipe_files import find_recipe

RECIPE = """# A coreset that was measured.
#
#   random {random}   random-real (a draw each) 60 +- 40   kmeans 50.0 +- 50.0
#   random 1.0 +- 0.1 is a repetition, and does not count; nor does published 99.9 +- 0.1
seed = 0
# herding 12.0 +- 1.0, behind the header
[data]
name = "digits"
[net]
name = "convnet"
depth = 1
width = 4
[method]
name = "random"
[evaluate]
nets = 2
steps = 4
epochs = 1
whole = false
"""


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path):
    """recipe("mean +- interval of random") -> file"""
    monkeypatch.chdir(tmp_path)

    def write(random: str) -> str:
        (tmp_path / "mine.toml").write_text(RECIPE.format(random=random))
        return "mine.toml"

    return write


def test_what_a_header_says() -> None:
    rows = {"random", "random-real", "kmeans", "herding", "whole"}
    found = header_scores(RECIPE.format(random="33.3 +- 4.5"), rows)
    assert found == {"random": (33.3, 4.5), "random-real": (60, 40), "kmeans": (50, 50)}


def test_a_host_is_not_taken_for_itself_with_fyi(tmp_path: Path) -> None:
    """Its row is called dm+fyi there, and a header that tells of the host alone tells nothing of it."""
    assert header_scores("# dm 70.0 +- 1.0   dm+fyi 72.0 +- 1.0", {"dm+fyi"}) == {"dm+fyi": (72.0, 1.0)}
    text = RECIPE.format(random="33.3 +- 4.5").replace('name = "random"', 'name = "dm"\nfyi = true')
    (tmp_path / "fyi.toml").write_text("# dm 70.0 +- 1.0\n" + text[text.index("seed = 0") :])
    with pytest.raises(UsageError, match="has no scores"):
        verify(tmp_path / "fyi.toml")


def test_the_shipped_header_of_the_main_job() -> None:
    found = header_scores(find_recipe("ftd-digits-ipc1")[1], {"ftd", "random-real", "herding", "kmeans", "whole"})
    assert set(found) == {"ftd", "random-real", "herding", "kmeans", "whole"}
    assert all(0 < mean <= 100 and 0 < half < 20 for mean, half in found.values())


@pytest.mark.parametrize(
    ("now", "agrees"), [((90.0, 1.0), True), ((92.0, 1.0), True), ((92.1, 1.0), False), ((87.9, 1.0), False)]
)
def test_rows_agree_where_their_intervals_meet(now: tuple[float, float], agrees: bool) -> None:
    assert Verdict("ftd", (90.0, 1.0), now).agrees is agrees


def test_a_recipe_is_run_and_held_to_its_header(recipe, capsys) -> None:
    found = verify(recipe("50 +- 60"))
    assert [row.name for row in found] == ["random", "random-real", "kmeans"]
    assert all(row.agrees and 0 < row.now[0] < 100 for row in found)
    assert Path("runs/verify/mine/set.h5").exists()


def test_the_header_and_this_machine_are_named_beside_the_verdict() -> None:
    text = find_recipe("ftd-digits-ipc1")[1]
    assert measured_on(text) == "an Intel Xeon with AMX (2 cores), torch 2.15, seed 0"
    assert measured_on("# no such word\n[data]\n# Measured on nothing") == ""
    header, now, why = where_measured("ftd-digits-ipc1")
    assert "an Intel Xeon with AMX" in header and str(environment(torch.device("cpu"))["processor"]) in now
    assert "equal processor features" in why


@pytest.mark.parametrize(("claim", "code"), [("50.0 +- 60.0", 0), ("300.0 +- 0.1", 1)])
def test_the_exit_code_tells(recipe, capsys, claim: str, code: int) -> None:
    assert run(["verify", recipe(claim), "--out", "there"]) == code
    assert ("NO" in capsys.readouterr().out) == bool(code)


def test_a_row_that_is_not_trained_is_told_before_anything_runs(recipe) -> None:
    file = Path(recipe("50 +- 60"))
    file.write_text("# whole 99.0 +- 1.0\n" + file.read_text())
    with pytest.raises(UsageError, match=r"has a score of 'whole', but evaluate\.whole is false"):
        verify(file)
    assert not Path("runs").exists()


def test_a_header_without_scores_is_one_line(capsys) -> None:
    with pytest.raises(UsageError, match="header has no scores"):
        verify("mtt-cifar10-ipc1")
    assert run(["verify", "mtt-cifar10-ipc1"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


GRAPHS = """# {header}
[data]
name = "{data}"
[method]
name = "mirage"
hops = 1
ratio = 0.3
[evaluate]
gnns = "gin,sage"
nets = 2
steps = 2
whole = false
"""


def test_a_recipe_for_graphs_is_held_to_its_header(tmp_path: Path, monkeypatch, capsys) -> None:
    """By the first network's ROC-AUC; random is the row of as many bytes as stored."""
    monkeypatch.chdir(tmp_path)
    data = own(tmp_path / "own")

    def write(header: str) -> str:
        Path("mine.toml").write_text(GRAPHS.format(header=header, data=data))
        return "mine.toml"

    found = verify(write("mirage 50 +- 60, random (as stored) 1.0 +- 0.1, untrained 50 +- 60"))
    scores = json.loads(Path("runs/verify/mine/scores.json").read_text())["scores"]
    for row, name in zip(found, ("mirage", "random, bytes as stored", "untrained"), strict=True):
        (gin,) = [score for score in scores if score["name"] == name and score["gnn"] == "gin"]
        assert row.now == (100 * gin["auc"][0], 100 * gin["auc"][1])
    assert [row.stated for row in found] == [(50, 60), (1, 0.1), (50, 60)]
    assert run(["verify", write("mirage 50 +- 60"), "--out", "fine"]) == 0
    assert run(["verify", write("mirage 50 +- 60"), "--out", "fine", "--resume"]) == 0
    assert run(["verify", write("mirage 300 +- 1"), "--out", "not"]) == 1
    capsys.readouterr()
    for header, option, message in (
        ("nothing", [], "its header has no scores"),
        ("mirage 50 +- 6, whole 50 +- 6", [], "has a score of 'whole', but evaluate.whole is false"),
        ("mirage 50 +- 6", ["--out", "fine"], "already holds a run"),
    ):
        assert run(["verify", write(header), *option]) == 2
        assert message in capsys.readouterr().err.strip().splitlines()[-1]
    monkeypatch.setattr(GraphJudge, "herding_row", lambda self, name, budget: None)
    assert run(["verify", write("mirage 50 +- 60, herding 50 +- 60"), "--out", "none"]) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert "has a score of 'herding', whose bytes are too few for one graph" in line


@pytest.mark.parametrize("name", ["mirage-digits-graphs", "mirage-plus-digits-graphs"])
def test_the_shipped_headers_of_graphs_are_read(name: str) -> None:
    found = header_scores(find_recipe(name)[1], {name.removesuffix("-digits-graphs"), "random", "herding", "untrained"})
    assert len(found) == 4
