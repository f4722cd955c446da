"""Methods of third parties, found by the entry-point group `ddkit.methods` of two small packages beside this file."""

import importlib
import sys
from pathlib import Path

import pytest

import ddkit
from ddkit.cli.main import run
from ddkit.errors import UsageError
from ddkit.methods import graph_method, image_method, method_names

HERE = Path(__file__).parent
SHORT = ("evaluate.nets=2", "evaluate.steps=5", "evaluate.whole=false")
CASES = {
    "toy-means": (
        "toy_images",
        ("net.name=convnet", "net.width=4", "net.depth=1", "evaluate.epochs=1", "method.ipc=2"),
    ),
    "toy-trees": ("toy_graphs", ("method.hops=1", "evaluate.gnns=gin")),
}


@pytest.fixture(params=CASES)
def method(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A method's name, with its package on the path."""
    monkeypatch.syspath_prepend(str(HERE / CASES[request.param][0]))
    return request.param


def test_python_and_the_shell_make_the_same_set(method: str, tmp_path: Path, home: Path) -> None:
    settings = (*CASES[method][1], *SHORT)
    made = ddkit.condense(method, overrides=settings, out=tmp_path / "python")
    assert made.set.facts.method == method and made.evaluation is not None
    assert made.evaluation.scores[0].name in (method, "majority class")
    command = ["condense", "--method", method, "--out", str(tmp_path / "shell"), "--device", "cpu"]
    assert run([*command, *(part for text in settings for part in ("--set", text))]) == 0
    assert (tmp_path / "python" / "set.h5").read_bytes() == (tmp_path / "shell" / "set.h5").read_bytes()


def test_it_is_listed_and_explained(method: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["methods", "ls"]) == 0 and method in capsys.readouterr().out
    assert run(["methods", "show", method]) == 0
    text = capsys.readouterr().out
    assert "third party" in text and ("share of a class" in text or "depth of the trees" in text)


def test_a_misspelt_setting_of_it_is_one_line(method: str, tmp_path: Path, home: Path) -> None:
    wrong = {"toy-means": "method.shar=0.5", "toy-trees": "method.hop=1"}[method]
    with pytest.raises(UsageError, match=f"unknown key '{wrong.partition('=')[0]}'; did you mean"):
        ddkit.condense(method, overrides=(wrong,), out=tmp_path / "run")


def test_the_lists_of_a_kind_have_it_and_no_other_list_does(
    method: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: Path
) -> None:
    own, other = ("graphs", "images") if method == "toy-trees" else ("images", "graphs")
    assert method in method_names(own) and method not in method_names(other) and method in method_names()
    wrong = {"images": image_method, "graphs": graph_method}[other]
    with pytest.raises(UsageError, match=f"method '{method}' is for {own}; those for {other} are (?!.*{method})"):
        wrong(method)
    monkeypatch.delitem(sys.modules, "ddkit.cli.condense", raising=False)
    of_images, _, of_graphs = importlib.import_module("ddkit.cli.condense").METHOD_HELP.partition("; for graphs ")
    assert method in {"images": of_images, "graphs": of_graphs}[own]
    assert method not in {"images": of_images, "graphs": of_graphs}[other]
    if own == "graphs":
        with pytest.raises(UsageError, match=r"method 'toy-trees' is for graphs, but this call needs a method for im"):
            ddkit.train_teachers("infer-digits-ipc10", overrides=("method.name=toy-trees",))
        with pytest.raises(UsageError, match=r"data 'digits' are images, but method 'toy-trees' is for graphs; na"):
            ddkit.condense(method, data="digits", out=tmp_path / "run")


def test_a_table_of_graphs_has_a_row_of_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(str(HERE / "toy_graphs"))
    graphs = 40  # paths of three nodes, of which every second one is a triangle
    pairs = [(3 * g + a, 3 * g + b) for g in range(graphs) for a, b in ((1, 2), (2, 3), (1, 3))[: 2 + g % 2]]
    (tmp_path / "X_A.txt").write_text("".join(f"{a}, {b}\n{b}, {a}\n" for a, b in pairs))
    (tmp_path / "X_graph_indicator.txt").write_text("".join(f"{g + 1}\n" * 3 for g in range(graphs)))
    (tmp_path / "X_graph_labels.txt").write_text("".join(f"{g % 2}\n" for g in range(graphs)))
    quick = ("evaluate.gnns=gin", "evaluate.nets=2", "evaluate.steps=2", "evaluate.whole=false")
    found = ddkit.graph_table([f"tu:{tmp_path}"], hops=[1], ratios=[0.3], overrides=quick, out=tmp_path / "scores")
    assert {"mirage", "mirage-plus", "toy-trees"} <= {line.score.name for line in found.lines}


@pytest.mark.parametrize(
    ("name", "words"),
    [("toy-broken", "cannot be imported ("), ("toy-plain", "has no `settings_class`")],
)
def test_a_package_that_is_broken_is_one_line_and_stops_no_other_method(
    name: str, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(HERE / "toy_broken"))
    assert name in method_names() and name not in (*method_names("images"), *method_names("graphs"))
    assert run(["condense", "--method", name]) == 2
    line = capsys.readouterr().err
    assert words in line and line.count("\n") == 1
    assert run(["methods", "ls"]) == 0 and name in capsys.readouterr().out
