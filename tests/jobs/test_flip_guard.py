"""Who may be mirrored: declared, overridden, or measured on the real data."""

import dataclasses
import re
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch

from ddkit.cli.main import run
from ddkit.data.real import Part
from ddkit.errors import DataError, UsageError
from ddkit.evaluation import PAPERS
from ddkit.jobs import Condensed, compare, condense, evaluate, flip_guard, plan
from ddkit.jobs import flip_test as flip_module
from ddkit.jobs.flip_guard import OVERRIDE
from ddkit.jobs.flip_test import FlipTest, Pairs, flip_test
from ddkit.recipe import DataSettings
from ddkit.synth import load

QUICK = (
    *("method.iterations=1", "method.batch_real=8", "net.depth=1", "net.width=4", "data.augment="),
    *("evaluate.nets=2", "evaluate.steps=2", "evaluate.epochs=1", "evaluate.batch=64", "evaluate.whole=false"),
)


class Told:
    """A meter that keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def start(self, *_: object) -> None: ...
    def advance(self, *_: object) -> None: ...
    def finish(self) -> None: ...
    def say(self, text: str) -> None:
        self.lines.append(text)


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
        (["--method", "kmeans"], "method 'kmeans' learns no images, so FYI could change nothing"),
    ):
        assert run(["condense", "--fyi", *arguments]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert re.search(says, error), error


def test_overridden_it_says_what_flips_cost_and_goes_on(home, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(flip_module, "STEPS", 20)
    meter = Told()
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
    with pytest.raises(UsageError, match=r"key 'evaluate.flips': .* data.flips_keep_label is false; let it be augment"):
        evaluate(made.folder, overrides=(*quick, "data.flips_keep_label=false"))
    found = plan("dm", fyi=True, overrides=settings, probe_seconds=0.1)
    assert [stage.name for stage in found.stages] == ["condensation", "evaluation"]


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
    for protocol, told in (("paper-dc", 0), ("paper-sre2l", 1), ("paper-dm", 1)):
        meter = Told()
        evaluate(made.folder, protocol=protocol, overrides=allowed, baselines=False, meter=meter)
        assert sum(line.startswith("flips on 'digits'") for line in meter.lines) == told
    evaluate(made.folder, protocol="paper-dc", overrides=forbidden, baselines=False)
    evaluate(made.folder, protocol="paper-sre2l", overrides=forbidden, baselines=False)
    with pytest.raises(UsageError, match=r"key 'evaluate.flips': mirrors images"):
        evaluate(made.folder, protocol="paper-dm", overrides=forbidden, baselines=False)


@pytest.mark.parametrize(
    ("fact", "said", "measured", "refused"),
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
def test_who_decides(monkeypatch, tiny, fact, said, measured: bool, refused: bool) -> None:
    """The recipe, else the data, else a measurement, here a harmless one."""
    harmless, asked = flip_test_of((0.9, 0.91), (0.9, 0.91)), []
    monkeypatch.setattr(flip_guard, "flip_test", lambda real, _: asked.append(real) or harmless)
    real = dataclasses.replace(tiny, data=dataclasses.replace(tiny.data, flips_keep_label=fact))
    with pytest.raises(UsageError, match=r"key 'method.fyi': mirrors") if refused else nullcontext():
        flip_guard.refuse_harmful_flips("method.fyi", "", DataSettings(flips_keep_label=said), real, Told())
    assert len(asked) == measured


@pytest.mark.parametrize("label_is_side", [True, False])
def test_where_nobody_says_it_is_measured(home, tmp_path, monkeypatch, label_is_side: bool) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(flip_module, "STEPS", 60)
    data, meter = write(tmp_path / "bars.npz", label_is_side), Told()
    if label_is_side:
        with pytest.raises(UsageError, match=r"on validation .* without flips, .* does not seem to keep its label"):
            condense("dm", data=data, fyi=True, overrides=QUICK, meter=meter)
    else:
        condense("dm", data=data, fyi=True, overrides=QUICK, meter=meter, evaluate=False)
    assert len([line for line in meter.lines if line.startswith("flips on")]) == 1


def flip_test_of(without, with_flips, worst=((0.9, 0.9), (0.9, 0.9)), images=100) -> FlipTest:
    return FlipTest(Pairs(without, with_flips, 10 * images), Pairs(*worst, images), "left", 10)


def test_a_loss_counts_beyond_its_interval_and_one_point() -> None:
    assert flip_test_of((0.9, 0.91, 0.92), (0.8, 0.81, 0.815)).harmful
    assert not flip_test_of((0.9, 0.91, 0.92), (0.8, 0.92, 0.91)).harmful  # within the interval
    assert not flip_test_of((0.9, 0.91, 0.92), (0.895, 0.905, 0.915)).harmful  # half a point


def test_one_class_that_suffers_is_enough() -> None:
    """Two of a hundred classes that are each other's mirror images move the mean by less than a point."""
    same = (0.99, 0.99, 0.991)
    assert not flip_test_of(same, same).harmful
    found = flip_test_of(same, same, ((1.0, 0.9, 1.0), (0.5, 0.5, 0.6)))
    assert found.harmful
    assert str(found).endswith("(class 'left', 100 images: 96.7 % without flips, 53.3 % with them)")


def test_a_class_of_two_images_proves_nothing() -> None:
    """All networks see the same two, and of sixty classes one always suffers."""
    same, worst = (0.7, 0.705, 0.7, 0.7, 0.71), ((1.0, 1.0, 1.0, 1.0, 0.5), (0.5,) * 5)
    assert flip_test_of(same, same, worst, images=100).harmful
    few = flip_test_of(same, same, worst, images=2)
    assert not few.harmful and few.undecided and "class 'left', 2 images: 90.0" in str(few)
    assert flip_test_of(same, same, ((1.0,) * 5, (0.0,) * 5), images=8).harmful


def test_who_learned_nothing_or_differs_widely_decides_nothing() -> None:
    assert flip_test_of((0.11, 0.12), (0.11, 0.12)).undecided
    assert flip_test_of((0.5, 0.9), (0.9, 0.5)).undecided
    assert not flip_test_of((0.9, 0.91), (0.9, 0.91)).undecided


def test_it_is_measured_once_and_from_one_initialisation(tiny, home, monkeypatch) -> None:
    begun = []
    monkeypatch.setattr(flip_module, "STEPS", 0)
    real = flip_module.train_networks
    monkeypatch.setattr(flip_module, "train_networks", lambda *a, **k: begun.append(real(*a, **k)) or begun[-1])
    first = flip_test(tiny)
    assert len(begun) == 2 and torch.equal(begun[0].theta, begun[1].theta)
    assert flip_test(tiny) == first and len(begun) == 2
    part = tiny.validation
    for c, name in enumerate(tiny.data.classes):
        mine = part.labels == c
        own = Part(part.images[mine], part.labels[mine])
        if name == first.worst_class:
            assert tuple(begun[0].accuracy(own)) == first.worst.without and len(own) == first.worst.images


def test_large_images_are_measured_in_small(tiny, home, monkeypatch) -> None:
    monkeypatch.setattr(flip_module, "STEPS", 0)
    monkeypatch.setattr(flip_module, "SIDE", 4)
    seen, real = [], flip_module.train_networks
    monkeypatch.setattr(flip_module, "train_networks", lambda net, x, *a, **k: seen.append(x) or real(net, x, *a, **k))
    flip_test(tiny)
    quarters = tiny.train.images.unflatten(-1, (4, 2)).unflatten(-3, (4, 2)).mean((-1, -3))
    for images in seen:
        torch.testing.assert_close(images, quarters)


def test_a_damaged_answer_is_one_line(tiny, home, monkeypatch) -> None:
    monkeypatch.setattr(flip_module, "STEPS", 0)
    flip_test(tiny)
    (kept,) = (home / "flips").iterdir()
    kept.write_text("{")
    with pytest.raises(DataError, match=r"is damaged .* delete it and run again"):
        flip_test(tiny)


def test_a_comparison_holds_a_host_against_itself_with_fyi(home, tmp_path, monkeypatch, capsys) -> None:
    """Under each policy all rows are trained alike; without one, flips come with FYI."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "bars.npz", label_is_side=False)
    (tmp_path / "dm.toml").write_text(
        '[data]\nname = "npz:bars.npz"\naugment = "crop_flip"\nflips_keep_label = true\n[net]\nname = "convnet"\n'
        'depth = 1\nwidth = 4\n[method]\nname = "dm"\niterations = 1\nbatch_real = 8\n'
        "[evaluate]\nnets = 2\nsteps = 2\nepochs = 1\nbatch = 64\nwhole = false\n"
    )
    both = ["dm.toml", "dm.toml+fyi"]
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
    assert [line.name for line in apart.lines][:2] == ["dm", "dm+fyi"] and len(apart.lines) == 5
    alone = {line.flip_share for line in compare(["dm.toml"], sets=1).lines}
    together = {line.flip_share for line in compare(both, sets=1).lines}
    assert (alone, together) == ({0.25}, {0.5})
    assert run(["compare", *both, "--sets", "1", "--flips", "always", "--flips", "augment"]) == 0
    assert "flips" in capsys.readouterr().out
    twice = compare(both, sets=1, flips=("auto", "always", "always"))  # one policy here
    assert len(twice.lines) == 5 and {line.flip_share for line in twice.lines} == {0.5}
    assert run(["compare", *both, "--flips", "sometimes"]) == 2
    told = Told()
    monkeypatch.setattr(flip_module, "STEPS", 20)
    compare(["fyi.toml"], sets=1, overrides=("data.name=digits",), meter=told)  # allowed there
    compare(["dm.toml", *both[1:]], sets=1, overrides=("data.name=digits",), meter=told)
    assert len([line for line in told.lines if line.startswith("flips on 'digits'")]) == 2  # once a comparison
