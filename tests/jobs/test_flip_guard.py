"""Who may be mirrored: declared, overridden, or measured on the real data."""

import dataclasses
import re
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from listener import Listener

from ddkit.cli.main import run
from ddkit.data import DataSettings
from ddkit.errors import UsageError
from ddkit.evaluation import PAPERS
from ddkit.jobs import Condensed, compare, condense, evaluate, plan, relabel, train_teachers
from ddkit.jobs.flips import guard as flip_guard
from ddkit.jobs.flips import measure as flip_module
from ddkit.jobs.flips.guard import OVERRIDE
from ddkit.jobs.flips.measure import FlipTest, Pairs
from ddkit.synth import Record, load

QUICK = (
    *("method.iterations=1", "method.batch_real=8", "net.depth=1", "net.width=4", "data.augment="),
    *("evaluate.nets=2", "evaluate.steps=2", "evaluate.epochs=1", "evaluate.batch=64", "evaluate.whole=false"),
)


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


@pytest.mark.parametrize("method", ["sre2l", "infer"])
def test_views_that_are_mirrored_are_flips_too(home, tmp_path, monkeypatch, method) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"key 'method.crop': mirrors images, .*use --set method.crop=false"):
        condense(method, overrides=("method.crop=true",))
    assert not list(tmp_path.rglob("*.h5"))


def test_the_flag_is_refused_on_digits_and_for_real_images(home, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments, says in (
        (["--method", "mtt"], "key 'method.fyi': mirrors images.*leave FYI out, or --set data.flips_keep_label"),
        (["--method", "kmeans"], "method 'kmeans' learns no images, so FYI has no effect"),
    ):
        assert run(["condense", "--fyi", *arguments]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert re.search(says, error), error


def test_overridden_it_says_what_flips_cost_and_goes_on(home, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(flip_module, "STEPS", 20)
    meter = Listener()
    settings = (*QUICK, "data.flips_keep_label=true")
    made = condense("dm", fyi=True, overrides=settings, meter=meter)
    assert any("flips on 'digits', whose labels they change: a small ConvNet has" in line for line in meter.lines)
    assert made.folder.name == "dm-fyi-digits-ipc1-seed0"
    facts = load(made.folder).facts
    assert (facts.evaluation_flip, facts.fyi, made.set.facts.fyi) == (0.5, True, True)
    assert made.evaluation is not None and "augmentation of every row: flip" in made.evaluation.notes
    assert made.evaluation.scores[0].name == "dm+fyi"
    quick = ("evaluate.whole=false",)
    again = evaluate(made.folder, overrides=quick)  # the set asks for flips by itself, and is known by its name
    assert "augmentation of every row: flip" in again.notes and again.scores[0].name == "dm+fyi"
    assert again.scores[0].accuracies == made.evaluation.scores[0].accuracies
    assert (
        "augmentation of every row: none" in evaluate(made.folder, overrides=(*quick, "evaluate.flips=augment")).notes
    )
    with pytest.raises(UsageError, match=r"key 'evaluate.flips': .* data.flips_keep_label is false; set it to augment"):
        evaluate(made.folder, overrides=(*quick, "data.flips_keep_label=false"))
    found = plan("dm", fyi=True, overrides=settings, probe_seconds=0.1)
    assert [stage.name for stage in found.stages] == ["data", "condensation", "evaluation"]


def test_a_set_without_flips_is_not_mirrored_against_its_labels(home, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(flip_module, "STEPS", 20)
    made = condense("dm", overrides=QUICK, evaluate=False)
    always = ("evaluate.whole=false", "evaluate.flips=always")
    with pytest.raises(UsageError, match=r"key 'evaluate.flips': mirrors images"):
        evaluate(made.folder, overrides=always)
    mirrored = evaluate(made.folder, overrides=(*always, "data.flips_keep_label=true"))
    assert "augmentation of every row: flip" in mirrored.notes
    with pytest.raises(UsageError, match="leave FYI out"):
        plan("dm", fyi=True, overrides=QUICK)
    recipe, other = tmp_path / "dm.toml", tmp_path / "other.toml"
    recipe.write_text(made.set.record.recipe)
    with pytest.raises(UsageError, match=r"key 'evaluate.flips': mirrors images"):
        compare([recipe], sets=1, flips=("always",))
    allowed = recipe.read_text().replace('flips_keep_label = "none"', "flips_keep_label = true")
    other.write_text(allowed.replace("fyi = false", "fyi = true"))
    with pytest.raises(UsageError, match=r"key 'evaluate.flips': mirrors images"):  # by the other, which may
        compare([recipe, other], sets=1)


def test_a_papers_own_flips_are_the_guards_business_too(home, tmp_path, monkeypatch) -> None:
    """They pass where the recipe or a measurement says so, and what came of it stands in the notes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(flip_module, "STEPS", 60)
    monkeypatch.setitem(PAPERS, "sre2l", dataclasses.replace(PAPERS["sre2l"], epochs=1, labels="hard"))

    def strategy(made: Condensed, *words: str) -> str:
        quick = ("evaluate.nets=2", *words)
        notes = evaluate(made.folder, protocol="paper-sre2l", overrides=quick, baselines=False).notes
        (found,) = [note for note in notes if note.startswith("augmentation of every row: ")]
        return found.removeprefix("augmentation of every row: ")

    digits = condense("dm", overrides=QUICK, evaluate=False)
    assert (strategy(digits), strategy(digits, "data.flips_keep_label=true")) == ("crop", "crop+flip")
    harmless = write(tmp_path / "bars.npz", label_is_side=False)
    bars = condense("dm", data=harmless, overrides=QUICK, evaluate=False)
    assert (strategy(bars), strategy(bars, "data.flips_keep_label=false")) == ("crop+flip", "crop")
    sides = condense("dm", data=write(tmp_path / "sides.npz", label_is_side=True), overrides=QUICK, evaluate=False)
    assert strategy(sides) == "crop"


def test_a_protocol_that_ignores_the_recipes_augmentation_asks_once_or_not_at_all(home, tmp_path, monkeypatch) -> None:
    """FYI's sets expect flips, which DC's protocol has none of, and SRe2L's are its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(flip_module, "STEPS", 20)
    for name in ("dc", "dm", "sre2l"):
        monkeypatch.setitem(PAPERS, name, dataclasses.replace(PAPERS[name], epochs=1, labels="hard"))
    allowed, forbidden = ("evaluate.nets=2", f"{OVERRIDE}=true"), ("evaluate.nets=2", f"{OVERRIDE}=false")
    made = condense("dm", fyi=True, overrides=(*QUICK, f"{OVERRIDE}=true"), evaluate=False)
    for protocol, warnings in (("paper-dc", 0), ("paper-sre2l", 1), ("paper-dm", 1)):
        meter = Listener()
        evaluate(made.folder, protocol=protocol, overrides=allowed, baselines=False, meter=meter)
        assert sum(line.startswith("flips on 'digits'") for line in meter.lines) == warnings
    evaluate(made.folder, protocol="paper-dc", overrides=forbidden, baselines=False)
    evaluate(made.folder, protocol="paper-sre2l", overrides=forbidden, baselines=False)
    with pytest.raises(UsageError, match=r"key 'evaluate.flips': mirrors images"):
        evaluate(made.folder, protocol="paper-dm", overrides=forbidden, baselines=False)


def test_flips_of_an_augmentation_are_asked_about_wherever_a_network_is_trained(home, tmp_path, monkeypatch) -> None:
    """A set that was made under flips, though the recipe does not declare that they keep labels."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(flip_module, "STEPS", 20)
    word, teacher = f"{OVERRIDE}=false", "mlp(depth=1, width=8)"
    made = condense("dm", overrides=(*QUICK, "data.augment=flip", f"{OVERRIDE}=true"), evaluate=False)
    nobodys = dataclasses.replace(made.set, record=Record())
    refused = r"key 'data.augment': mirrors images"
    with pytest.raises(UsageError, match=rf"{refused}, but {OVERRIDE} is false; the set was made with it"):
        evaluate(made.folder, overrides=(word,))
    for train in (evaluate, lambda set: relabel(set, nets=teacher)):
        with pytest.raises(UsageError, match=rf"{refused}, .*'digits' no longer has its label"):
            train(nobodys)
    short = ("experts.epochs=1", "experts.batch=64")
    relabel(nobodys, nets=teacher, overrides=(*short, f"{OVERRIDE}=true"))
    nets = (*short, f"experts.nets={teacher}", "data.augment=flip")
    with pytest.raises(UsageError, match=rf"{refused}, .*use --set data.augment="):
        train_teachers(overrides=nets)
    assert len(train_teachers(overrides=(*nets, f"{OVERRIDE}=true"))) == 1


def test_a_run_that_is_not_judged_may_leave_its_flips_open(home, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    condense("dm", overrides=(*QUICK, "evaluate.flips=always"), evaluate=False)


@pytest.mark.parametrize(
    ("fact", "declared", "measured", "refused"),
    [
        (True, None, False, False),
        (True, True, False, False),
        (True, False, False, True),
        (False, None, False, True),
        (False, False, False, True),
        (False, True, True, False),
        (None, True, False, False),
        (None, False, False, True),
        (None, None, True, False),
    ],
)
def test_who_decides(monkeypatch, tiny, fact, declared, measured: bool, refused: bool) -> None:
    """The recipe, else the data, else a measurement, here a harmless one."""
    same = Pairs((0.9, 0.91), (0.9, 0.91), 100)
    harmless, tested = FlipTest(same, same, "left", 10), []
    monkeypatch.setattr(flip_guard, "flip_test", lambda real, _: tested.append(real) or harmless)
    real = dataclasses.replace(tiny, data=dataclasses.replace(tiny.data, flips_keep_label=fact))
    with pytest.raises(UsageError, match=r"key 'method.fyi': mirrors") if refused else nullcontext():
        flip_guard.refuse_harmful_flips("method.fyi", "", DataSettings(flips_keep_label=declared), real, Listener())
    assert len(tested) == measured


@pytest.mark.parametrize("label_is_side", [True, False])
def test_where_nobody_says_it_is_measured(home, tmp_path, monkeypatch, label_is_side: bool) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(flip_module, "STEPS", 60)
    data, meter = write(tmp_path / "bars.npz", label_is_side), Listener()
    if label_is_side:
        with pytest.raises(UsageError, match=r"on validation .* without flips, .* seems not to keep its label"):
            condense("dm", data=data, fyi=True, overrides=QUICK, meter=meter)
    else:
        condense("dm", data=data, fyi=True, overrides=QUICK, meter=meter, evaluate=False)
    assert len([line for line in meter.lines if line.startswith("flips on")]) == 1
