"""`--scores ddranking` of `evaluate` and `compare`: which rows give the scores, and that other rows stay the same."""

import csv
import json
import re
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from ddkit import compare, condense, evaluate
from ddkit.cli.main import run
from ddkit.errors import UsageError
from ddkit.evaluation import DDRanking, Evaluation
from ddkit.evaluation.ddranking import HARD, OWN, PLAIN, PLAIN_RANDOM, RANDOM, WHOLE, robust

RECIPE = """
[data]
name = "digits"
augment = "{augment}"
[net]
name = "convnet"
depth = 1
width = 4
{experts}
[method]
name = "{method}"
ipc = 1
{rest}
[evaluate]
nets = 2
steps = 3
epochs = 1
batch = 64
"""
EXPERTS = '[experts]\nname = "teacher"\nnets = "convnet(depth=1, width=4, norm=batch)"\nepochs = 1\nlr = 0.05'


@pytest.fixture
def recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path) -> list[str]:
    """INFER, whose labels are teachers' logits, and random, whose labels are classes."""
    monkeypatch.chdir(tmp_path)
    for method, experts, rest in (("infer", EXPERTS, "iterations = 2"), ("random", "", "")):
        text = RECIPE.format(method=method, experts=experts, rest=rest, augment="color_crop")
        Path(f"{method}.toml").write_text(text)
    return ["infer.toml", "random.toml"]


def ranking_of(table: Evaluation) -> DDRanking:
    assert table.ranking is not None
    return table.ranking


def value(ranking: DDRanking, name: str) -> float:
    found = ranking.of(name)
    assert found is not None
    return found.value


def check_formulas(ranking: DDRanking) -> None:
    """The scores by hand, from the means of the rows."""
    mean = {row: fmean(values) for row, values in ranking.accuracies.items()}
    hlr, ior = mean[WHOLE] - mean[HARD], mean[OWN] - mean[RANDOM]
    assert value(ranking, "hlr") == pytest.approx(hlr) and value(ranking, "ior") == pytest.approx(ior)
    assert value(ranking, "lrs") == pytest.approx(robust(ior / 2 - hlr / 2))
    assert value(ranking, "ars") == pytest.approx(robust(ior / 2 + (mean[PLAIN] - mean[PLAIN_RANDOM]) / 2))


def test_a_set_with_teachers_labels_has_three_more_rows(recipes: list[str]) -> None:
    made = condense(recipe=recipes[0], out="run", evaluate=False).folder
    without, table = evaluate(made), evaluate(made, scores="ddranking")
    rows = {score.name: score for score in table.scores}
    assert list(rows)[-3:] == ["infer, hard labels", "infer, plain", "random-real, same labels, plain"]
    kept = {score.name: score.metrics for score in table.scores[:-3]}
    assert kept == {score.name: score.metrics for score in without.scores}  # no other row changes
    assert without.ranking is None and "ddranking" not in without.tables()
    accuracies = ranking_of(table).accuracies
    names = ["whole", "infer, hard labels", "infer", "random-real, same labels"]
    names += ["infer, plain", "random-real, same labels, plain"]
    assert [accuracies[part] for part in (WHOLE, HARD, OWN, RANDOM, PLAIN, PLAIN_RANDOM)] == [
        rows[name].accuracies for name in names
    ]
    check_formulas(ranking_of(table))
    by_classes = evaluate(made, overrides=("evaluate.labels=hard",), scores="ddranking")
    assert by_classes.scores[0].accuracies == accuracies[HARD]  # the set with classes, in a table of classes
    assert by_classes.scores[0].size == rows["infer, hard labels"].size
    own = ranking_of(by_classes).accuracies
    assert own[HARD] == own[OWN] and own[RANDOM] != accuracies[RANDOM]


def test_a_set_with_classes_has_two_more_rows_and_missing_rows_are_dashes(
    recipes: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    made = condense(recipe=recipes[1], out="run", evaluate=False).folder
    table = evaluate(made, scores="ddranking")
    assert [score.name for score in table.scores][-2:] == ["random, plain", "random-real, plain"]
    check_formulas(ranking_of(table))
    capsys.readouterr()
    arguments = ["evaluate", str(made), "--scores", "ddranking", "--no-whole", "--csv", "scores.csv"]
    assert run(arguments) == 0
    text = capsys.readouterr().out
    (row,) = [line for line in text.splitlines() if line.startswith("│ random ")]
    assert row.replace(" ", "").count("│-│") == 2  # HLR and LRS
    assert "no HLR, LRS of random: the table has no row 'whole'" in text
    assert not Path("scores.csv").exists() and Path("scores-ars.csv").exists()
    lonely = evaluate(made, scores="ddranking", baselines=False)
    assert ranking_of(lonely).ior is None and ranking_of(lonely).hlr is not None
    assert "no IOR, LRS, ARS of random: the table has no row 'random-real'" in lonely.notes
    Path("plain.toml").write_text(Path(recipes[1]).read_text().replace("color_crop", ""))
    bare = evaluate(condense(recipe="plain.toml", out="plain", evaluate=False).folder, scores="ddranking")
    assert ranking_of(bare).ars is None and ranking_of(bare).lrs is not None
    assert any(note.startswith("no ARS of random: the networks are trained without") for note in bare.notes)


def test_the_files_have_percentages_under_ddrankings_names(recipes: list[str]) -> None:
    made = condense(recipe=recipes[1], out="run", evaluate=False).folder
    assert run(["evaluate", str(made), "--scores", "ddranking", "--csv", "s.csv", "--json", "s.json"]) == 0
    (table,) = json.loads(Path("s.json").read_text())
    details = json.loads(Path("s-details.json").read_text())
    assert {key: details[key] for key in table["ddranking"]} == table["ddranking"]
    about = {"protocol": "honest", "nets": 2, "seed": 0, "w": 0.5, "gamma": 0.5, "set": "random", "images": 10}
    assert {key: details[key] for key in about} == about

    def columns(file: str) -> dict[str, list[float]]:
        with Path(file).open() as lines:
            rows: list[dict[str, Any]] = list(csv.DictReader(lines))
        return {name: [float(row[name]) for row in rows] for name in rows[0]}

    labels, augmentation = columns("s.csv"), columns("s-ars.csv")
    assert list(labels) == ["hard_label_recovery", "improvement_over_random", "lrs"]
    assert list(augmentation) == ["with_aug_scores", "without_aug_scores", "ars_list"]
    assert fmean(labels["hard_label_recovery"]) == pytest.approx(100 * details["hlr"][0], abs=1e-3)
    assert augmentation["with_aug_scores"] == labels["improvement_over_random"]
    for hlr, ior, lrs in zip(*labels.values(), strict=True):
        assert lrs == pytest.approx(100 * robust(ior / 200 - hlr / 200), abs=1e-3)


def test_a_comparison_keeps_its_scores_and_trains_only_the_rows_that_it_lacks(recipes: list[str]) -> None:
    before = compare(recipes, sets=2)
    files = {file: file.stat().st_mtime_ns for file in Path("runs/compare/scores").iterdir()}
    found = compare(recipes, sets=2, scores="ddranking")
    assert {file: file.stat().st_mtime_ns for file in files} == files
    assert len(list(Path("runs/compare/scores").iterdir())) == len(files) + 2 * (3 + 1 + 1)
    assert [line.scores for line in found.lines] == [line.scores for line in before.lines]
    assert all(line.ranking is None for line in before.lines)
    lines = {line.name: line for line in found.lines}
    assert [name for name, line in lines.items() if line.ranking] == ["infer", "random"]
    for method, random in (("infer", "random-real, same labels"), ("random", "random-real")):
        ranking = lines[method].ranking
        assert ranking is not None
        check_formulas(ranking)
        assert ranking.accuracies[RANDOM] == lines[random].overall.accuracies
        assert ranking.accuracies[WHOLE] == lines["whole"].overall.accuracies
    assert found.tables()["lines"][0].keys() - before.tables()["lines"][0].keys() == {"ddranking"}
    assert compare(recipes, sets=2, scores="ddranking") == found  # from the files of the scores
    # A comparison of hard labels, and one without augmentation, have the same rows.
    hard = {line.name: line.overall.accuracies for line in compare(recipes[:1], sets=2, labels=("hard",)).lines}
    assert lines["infer"].ranking is not None and lines["infer"].ranking.accuracies[HARD] == hard["infer"]
    bare = compare(recipes[1:], sets=2, overrides=('data.augment=""',), out="bare")
    plain = {line.name: line.overall.accuracies for line in bare.lines}
    assert lines["random"].ranking is not None
    assert lines["random"].ranking.accuracies[PLAIN_RANDOM] == plain["random-real"]


def test_a_comparison_prints_them_in_80_columns(
    recipes: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rich.console.Console.is_terminal", property(lambda console: True))
    monkeypatch.setenv("COLUMNS", "80")
    assert run(["compare", recipes[1], "--sets", "1", "--scores", "ddranking"]) == 0
    lines = re.sub("\x1b\\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
    tables = [line for line in lines if not line.startswith("-")]
    assert max(map(len, tables)) <= 80 and all(name in "\n".join(tables) for name in ("HLR", "IOR", "LRS", "ARS"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--scores", "ddrank"], "scores 'ddrank' are unknown; did you mean ddranking"),
        (["--scores", "ddranking", "--protocol", "paper"], "need protocol honest, since 'paper' has no rows"),
        (["--csv", "s.csv"], "option --csv: needs --scores ddranking"),
        (
            ["--scores", "ddranking", "--csv", "s.csv", "--cross"],
            "needs --scores ddranking, and holds one",
        ),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str], says: str, recipes: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["evaluate", "digits-ftd-ipc1", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1 and says in captured.err


def test_graphs_and_the_validation_part_have_none(recipes: list[str]) -> None:
    with pytest.raises(UsageError, match="option --scores: is for images only and has no effect on graphs"):
        compare(["mirage-digits-graphs"], scores="ddranking")
    with pytest.raises(UsageError, match="scores 'ddranking' are of the test part"):
        compare(recipes, scores="ddranking", on="validation")
