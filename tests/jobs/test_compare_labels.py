"""A table under several policies of labels: INFER with tiny teachers beside random real images of digits."""

from pathlib import Path

import pytest

from ddkit.cli.main import run
from ddkit.errors import UsageError
from ddkit.jobs import compare, condense, evaluate
from ddkit.synth import read_set

RECIPE = """
[data]
name = "digits"
[net]
name = "convnet"
depth = 1
width = 4
{experts}
[method]
name = "{method}"
ipc = 2
{rest}
[evaluate]
nets = 2
steps = 4
epochs = 1
batch = 64
whole = true
"""
EXPERTS = '[experts]\nname = "teacher"\nnets = "convnet(depth=1, width=4, norm=batch)"\nepochs = 1\nlr = 0.05'


@pytest.fixture
def recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path) -> list[str]:
    monkeypatch.chdir(tmp_path)
    for method, experts, rest in (("infer", EXPERTS, "iterations = 3"), ("random", "", "")):
        Path(f"{method}.toml").write_text(RECIPE.format(method=method, experts=experts, rest=rest))
    return ["infer.toml", "random.toml"]


def test_a_table_for_each_policy(recipes: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """n = 1 real image a class, 1 compensator, 2 instances: bytes by hand in every line."""
    found = compare(recipes, sets=1, labels=("hard", "static"))
    lines = {(line.labels, line.name): line for line in found.lines}
    rivals = ["random-real", "herding", "kmeans"]
    assert list(lines) == [
        *[("hard", name) for name in ("infer", "random", *rivals, "whole", "majority class")],
        *[("static", name) for name in ("infer", "random", *rivals)],
    ]
    size = {key: line.overall.size for key, line in lines.items()}
    assert size["hard", "infer"] == 10 * 64 + 2 * 64
    assert size["static", "infer"] == 10 * 64 + 2 * 64 + 2 * 20 * 10
    assert size["hard", "random"] == 4 * 20 * 64 and size["static", "random"] == 4 * 20 * 64 + 2 * 20 * 10
    for name in rivals:
        assert size["hard", name] == 20 * 64 and size["static", name] == 20 * 64 + 2 * 20 * 10
    scores = {key: line.overall.accuracies for key, line in lines.items()}
    # Few networks on few images: by chance, the accuracies of one row may be equal.
    assert sum(scores["hard", name] != scores["static", name] for name in ("infer", "random", "random-real")) >= 2
    assert compare(recipes, sets=1, labels=("hard", "static")) == found  # from the files of the scores
    arguments = ["--sets", "1", "--labels", "hard", "--labels", "static"]
    assert run(["compare", *recipes, *arguments]) == 0
    out = capsys.readouterr().out
    assert "labels" in out and "static" in out and "1,168" in out.replace("\n", "")


def test_static_scores_are_those_of_an_evaluation_under_static_labels(recipes: list[str]) -> None:
    """Of the same run, by `condense` and by `evaluate`; auto is static for a set with labels."""
    found = compare(recipes[:1], sets=1, labels=("static", "auto"))
    lines = {(line.labels, line.name): line.overall for line in found.lines}
    made = condense(recipe=recipes[0], out="alone")
    assert made.evaluation is not None
    by_name = {score.name: score for score in made.evaluation.scores}
    assert by_name["infer"].accuracies == lines["static", "infer"].accuracies == lines["auto", "infer"].accuracies
    assert by_name["random-real"].accuracies == lines["auto", "random-real"].accuracies
    assert by_name["random-real, same labels"].size == lines["static", "random-real"].size
    assert read_set(made.folder / "set.h5").compact is not None
    again = evaluate(made.folder, overrides=("evaluate.labels=static",))
    static = {score.name: score for score in again.scores}
    for name in ("infer", "random-real", "herding"):
        assert static[name].accuracies == lines["static", name].accuracies


def test_labels_that_nobody_can_give_are_one_line(recipes: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="labels 'soft' is no policy"):
        compare(recipes, sets=1, labels=("soft",))
    assert run(["compare", "random.toml", "--sets", "1", "--labels", "dynamic"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "dynamic labels need teachers, and no recipe of random has any" in error
    assert not Path("runs").exists()  # it is reported before any set is made


def test_terms_that_differ_are_refused_in_any_order(recipes: list[str]) -> None:
    """Real images were once learned at the first recipe's temperature, so that the order of recipes changed scores."""
    warm = recipes[0].replace("infer", "warm")
    Path(warm).write_text(Path(recipes[0]).read_text().replace("ipc = 2", "ipc = 2\ntemperature = 2.0"))
    for pair in ((recipes[0], warm), (warm, recipes[0])):
        with pytest.raises(
            UsageError, match=r"labels of temperature (30\.0 and 2|2\.0 and 30).*evaluate\.temperature=T"
        ):
            compare(pair, sets=1, labels=("static",))
        one = compare(pair, sets=1, labels=("static",), overrides=("evaluate.temperature=5",))
        assert {line.name for line in one.lines} >= {"infer", "warm", "random-real"}
        auto = compare(pair, sets=1, labels=("auto",))
        assert "random-real, same labels" not in {line.name for line in auto.lines}
        assert any(note.startswith("left out: random-real, same labels") for note in auto.notes)


def test_a_rival_of_a_set_with_few_logits_has_as_few(recipes: list[str]) -> None:
    few = Path(recipes[0])
    few.write_text(few.read_text().replace("ipc = 2", "ipc = 2\ntop_k = 3"))
    lines = {line.name: line.overall for line in compare([str(few)], sets=1, labels=("static",)).lines}
    label_bytes = 20 * (2 * 3 + 2 * 3 + 2)
    assert lines["infer"].size == 10 * 64 + 2 * 64 + label_bytes
    assert lines["random-real"].size == 20 * 64 + label_bytes
    both = {line.name: line.overall for line in compare([str(few), recipes[1]], sets=1, labels=("static",)).lines}
    assert both["random"].size == 4 * 20 * 64 + label_bytes  # a set without labels of its own gets as few


def test_kept_logits_differ_only_where_labels_are_kept(recipes: list[str]) -> None:
    few = recipes[0].replace("infer", "few")
    Path(few).write_text(Path(recipes[0]).read_text().replace("ipc = 2", "ipc = 2\ntop_k = 3"))
    with pytest.raises(UsageError, match=r"labels of top_k None and 3, .* give the recipes one method\.top_k"):
        compare([recipes[0], few], sets=1, labels=("static",))
    found = compare([recipes[0], few], sets=1, labels=("dynamic",))
    assert not any(note.startswith("left out") for note in compare([recipes[0], few], sets=1, labels=("hard",)).notes)
    assert {line.name for line in found.lines} >= {"infer", "few", "random-real"}


def test_sets_without_labels_have_no_rival_with_them(recipes: list[str]) -> None:
    hard = Path(recipes[0])
    hard.write_text(hard.read_text().replace("ipc = 2", "ipc = 2\nsoft_labels = false"))
    assert "random-real, same labels" not in {line.name for line in compare([str(hard)], sets=1).lines}


def test_labels_of_one_orientation_beside_those_of_both_are_told(recipes: list[str]) -> None:
    """sre2l's images with FYI expect flips, so that teachers name both orientations of them; the host's not."""
    Path("sre2l.toml").write_text(Path("infer.toml").read_text().replace('"infer"', '"sre2l"'))
    words = ("data.flips_keep_label=true", "evaluate.whole=false")
    remark = "labels of a set with FYI are the mean over both orientations"
    both = compare(["sre2l.toml", "sre2l.toml+fyi"], sets=1, overrides=words, flips=("always",)).notes
    assert sum(note.startswith(remark) for note in both) == 1
    assert not any(note.startswith(remark) for note in compare(["sre2l.toml"], sets=1, overrides=words).notes)
