"""`ddkit evaluate` with several protocols and networks: one table each, then a summary of all."""

import dataclasses
import json
from pathlib import Path

import pytest

from ddkit.cli.main import run
from ddkit.cli.table import print_summary
from ddkit.evaluation import PAPERS, Evaluation, Score

TINY = ("--device", "cpu", "--nets", "2", "--set", "evaluate.steps=2", "--set", "evaluate.epochs=1")
MLP = "mlp(depth=1, width=4)"


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rich takes the width of a terminal from here; at 80 columns it breaks lines."""
    monkeypatch.setenv("COLUMNS", "200")


def evaluated(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert run(["evaluate", *arguments]) == 0
    return capsys.readouterr().out


def last_table(table: str) -> list[list[str]]:
    """The cells of the last table in a text, heading first."""
    lines = [line for line in table.splitlines() if line[:1] in "┃│┏"]
    last = max(i for i, line in enumerate(lines) if line.startswith("┏"))
    return [[cell.strip() for cell in line.strip("┃│").replace("┃", "│").split("│")] for line in lines[last + 1 :]]


def test_protocols_side_by_side(
    a_run: Path, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, protocol in list(PAPERS.items()):
        monkeypatch.setitem(PAPERS, name, dataclasses.replace(protocol, epochs=2))
    protocols = [part for name in ("honest", "paper-mtt", "paper-ast") for part in ("--protocol", name)]
    file = tmp_path / "tables.json"
    text = evaluated(capsys, str(a_run), *protocols, "--net", MLP, "--no-whole", *TINY, "--json", str(file))
    tables = json.loads(file.read_text())
    assert [table["protocol"] for table in tables] == ["honest", "paper-mtt", "paper-ast"]
    assert text.count("┏") == 4 and text.count("SELECTED ON THE TEST SET") == 2

    def shown(table: int, row: int) -> str:
        score = tables[table]["scores"][row]
        return f"{100 * score['mean']:.1f} ± {100 * score['interval95']:.1f}"

    assert last_table(text) == [
        ["trained on", "honest", "paper-mtt", "paper-ast"],
        ["the set", shown(0, 0), shown(1, 0), shown(2, 0)],
        ["random-real", shown(0, 1), shown(1, 1), shown(2, 1)],
        ["herding", shown(0, 2), "", ""],
        ["kmeans", shown(0, 3), "", ""],
        ["majority class", "10.0", "10.0", "10.0"],
    ]
    assert f"digits, {MLP}, accuracy %" in text and "- paper-*: the authors' evaluation" in text


def test_across_architectures(
    a_run: Path, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["evaluate", str(a_run), "--cross", "--net", MLP, "--no-whole", "--no-baselines", *TINY]) == 0
    text, errors = capsys.readouterr()
    (left_out,) = [line for line in errors.splitlines() if line.startswith("left out: ")]
    assert "vgg11: needs images of at least 32x32" in left_out and "| resnet18: " in left_out
    heading, row = last_table(text)
    assert heading == ["trained on", "mlp", "convnet", "alexnet"] and row[0] == "the set"
    assert "digits, protocol honest, accuracy %" in text and "paper" not in text


def test_one_table_has_no_summary_and_no_whole_leaves_one_row_out(
    a_run: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = (str(a_run), "--no-baselines", "--net", MLP, *TINY)
    whole, without = evaluated(capsys, *one), evaluated(capsys, *one, "--no-whole")
    assert whole.count("┏") == without.count("┏") == 1
    assert [row[0] for row in last_table(whole)[1:]] == ["random", "whole"] and len(last_table(without)) == 2
    both = evaluated(capsys, *one, "--no-whole", "--set", "evaluate.whole=true")
    assert last_table(both)[-1][0] == "whole"  # --set wins


@pytest.mark.parametrize(
    "arguments, says",
    [
        (
            ["--protocol", "honest", "--protocol", "paper-mtd"],
            "protocol 'paper-mtd' is unknown; did you mean paper-mtt",
        ),
        (["--net", MLP, "--net", "resnt18"], "net 'resnt18' is unknown; did you mean resnet18"),
        (["--net", "vgg11", "--cross"], "vgg11: needs images of at least 32x32 pixels, got 8x8"),
    ],
)
def test_mistakes_are_seen_before_the_first_training(
    a_run: Path, home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    capsys.readouterr()
    assert run(["evaluate", str(a_run), *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1 and says in captured.err


def evaluation(protocol: str, net: str, *names: str) -> Evaluation:
    scores = tuple(
        Score(name=name, samples=10, metrics={"accuracy": (0.1 * i, 0.1 * i)}, lr=0.1, seconds=1.0)
        for i, name in enumerate(names, start=1)
    )
    return Evaluation(protocol=protocol, dataset="digits", net=net, seed=0, scores=scores)


def test_what_differs_heads_the_columns(capsys: pytest.CaptureFixture[str]) -> None:
    pairs = [(protocol, net) for protocol in ("honest", "paper-mtt") for net in ("a(x=1)", "b(x=1)")]
    print_summary([evaluation(*pair, "ftd", "random-real") for pair in pairs])
    heading = ["honest, a", "honest, b", "paper-mtt, a", "paper-mtt, b"]
    assert last_table(capsys.readouterr().out)[0] == ["trained on", *heading]
    print_summary([evaluation("honest", net, "ftd") for net in ("a(x=1)", "a(x=2)", "b(x=1)")])
    assert last_table(capsys.readouterr().out)[0] == ["trained on", "a(x=1)", "a(x=2)", "b(x=1)"]


def test_a_set_and_a_rival_of_one_name_have_a_row_each(capsys: pytest.CaptureFixture[str]) -> None:
    honest = evaluation("honest", "a", "herding", "random-real", "herding")
    print_summary([honest, evaluation("paper-mtt", "a", "herding (last)", "random-real")])
    assert last_table(capsys.readouterr().out)[1:] == [
        ["the set", "10.0 ± 0.0", "10.0 ± 0.0"],
        ["random-real", "20.0 ± 0.0", "20.0 ± 0.0"],
        ["herding", "30.0 ± 0.0", ""],
    ]
