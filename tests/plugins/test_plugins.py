"""Methods of third parties, found by the entry-point group `ddkit.methods` of two small packages beside this file."""

from pathlib import Path

import pytest

import ddkit
from ddkit.cli.main import run
from ddkit.errors import UsageError

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
