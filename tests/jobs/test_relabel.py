"""Labels by teachers for a set that exists, and what is refused."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from ddkit.data import DataSettings, load_images, prepare
from ddkit.errors import DataError, NumericalError, UsageError
from ddkit.experts import Bundle, Ensemble, read_bundle, write_bundle
from ddkit.jobs import condense, relabel, teacher_files, train_teachers
from ddkit.synth import SyntheticSet, read_set, write_set

TINY = ("net.name=mlp", "net.width=8", "net.depth=1")
TEACHERS = "mlp(depth=1, width=8)"
SHORT = ("experts.epochs=2", "experts.batch=16", "experts.lr=0.01")


@pytest.fixture
def source(tmp_path: Path, home: Path) -> SyntheticSet:
    """Four images a class of three classes, without teachers."""
    draw, labels = np.random.default_rng(0), np.arange(60) % 3
    images = draw.integers(0, 120, (60, 6, 6, 3), dtype=np.uint8)
    images[np.arange(60), :, :, labels] += 60
    np.savez(tmp_path / "tiny.npz", train_images=images, train_labels=labels)
    data = f"npz:{tmp_path / 'tiny.npz'}"
    return condense("random", data=data, ipc=4, overrides=TINY, evaluate=False, out=tmp_path / "run").set


def linear(source: SyntheticSet, tmp_path: Path, scale: float = 1.0) -> Bundle:
    """A teacher written down: its logit of class c is `scale` times the mean of colour c."""
    found = relabelled_by_training(source)
    theta = torch.zeros(found.net.parameters)
    parts = found.net.unflatten(theta)
    first, first_bias, second, second_bias = parts.values()
    for c in range(3):
        first[c, c * 36 : (c + 1) * 36] = 1 / 36
        second[c, c] = scale
    first_bias += 10  # so that ReLU lets all through
    second_bias -= 10 * scale
    return Bundle(theta, {}, found.facts)


def relabelled_by_training(source: SyntheticSet) -> Bundle:
    relabel(source, nets=TEACHERS, overrides=SHORT)
    return read_bundle(teacher_files(())[0])


def test_labels_of_a_teacher_that_is_written_down(source: SyntheticSet, tmp_path: Path) -> None:
    bundle = linear(source, tmp_path, 7.0)
    write_bundle(bundle, tmp_path / "mine.pt")
    made = relabel(source, files=(tmp_path / "mine.pt",), temperature=9.0)
    expected = 7 * source.images.mean((2, 3))
    assert made.soft_labels is not None
    torch.testing.assert_close(made.soft_labels, expected, atol=2e-2, rtol=2e-3)
    assert torch.equal(made.soft_labels, made.soft_labels.half().float())
    assert torch.equal(made.images, source.images) and torch.equal(made.labels, source.labels)
    assert (made.facts.temperature, made.facts.teachers) == (9.0, f"{TEACHERS} {bundle.digest[:8]}")
    assert dataclasses.replace(made.facts, temperature=None, teachers="") == source.facts
    assert source.soft_labels is None
    write_set(made, tmp_path / "made.h5")
    read = read_set(tmp_path / "made.h5")
    assert read.soft_labels is not None and torch.equal(read.soft_labels, made.soft_labels)


def test_several_files_are_asked_together(source: SyntheticSet, tmp_path: Path) -> None:
    bundles = (linear(source, tmp_path, 2.0), linear(source, tmp_path, 12.0))
    files = [tmp_path / "a.pt", tmp_path / "b.pt"]
    for bundle, file in zip(bundles, files, strict=True):
        write_bundle(bundle, file)
    made = relabel(source, files=files)
    torch.testing.assert_close(made.soft_labels, Ensemble(bundles).labels(source.images), rtol=0, atol=0)
    torch.testing.assert_close(made.soft_labels, 7 * source.images.mean((2, 3)), atol=2e-2, rtol=2e-3)


def test_a_set_of_fyi_is_named_in_both_orientations(source: SyntheticSet) -> None:
    def named(**changes) -> torch.Tensor:
        made = relabel(dataclasses.replace(source, **changes), nets=TEACHERS, overrides=SHORT)
        assert made.soft_labels is not None
        return made.soft_labels

    one, other = named(), named(images=source.images.flip(-1))
    both = named(facts=dataclasses.replace(source.facts, fyi=True, evaluation_flip=0.5))
    assert (one - other).abs().max() > 0.05
    torch.testing.assert_close(both, (one + other) / 2, atol=2e-3, rtol=2e-3)


def test_teachers_are_trained_where_they_are_missing(source: SyntheticSet) -> None:
    made = relabel(source, nets=TEACHERS, overrides=SHORT)
    (file,) = teacher_files(())
    before = file.stat().st_mtime_ns
    again = relabel(source, nets=TEACHERS, overrides=SHORT)
    assert file.stat().st_mtime_ns == before and torch.equal(again.soft_labels, made.soft_labels)
    expected = Ensemble((read_bundle(file),)).labels(source.images)
    torch.testing.assert_close(made.soft_labels, expected, rtol=0, atol=0)
    relabel(source, nets=TEACHERS, overrides=(*SHORT, "experts.seed=1"))
    assert len(teacher_files(())) == 2


def test_regions_leave_images_out(source: SyntheticSet, tmp_path: Path) -> None:
    bundle = linear(source, tmp_path, 4.0)
    write_bundle(bundle, tmp_path / "mine.pt")
    whole = relabel(source, files=(tmp_path / "mine.pt",))
    assert whole.soft_labels is not None
    sure = whole.soft_labels.softmax(1).gather(1, source.labels[:, None])[:, 0]
    low, high = sure.sort().values[[1, -2]].tolist()
    middle = float(sure.median())
    made = relabel(source, files=(tmp_path / "mine.pt",), temperature=9.0, ferkd=f"{low},{middle},{high}")
    kept = (sure >= low) & (sure <= high)
    assert len(made) == int(kept.sum()) == 10 and made.soft_labels is not None
    assert torch.equal(made.images, source.images[kept]) and torch.equal(made.labels, source.labels[kept])
    hard = (sure < middle)[kept]
    assert 0 < int(hard.sum()) < 10
    assert torch.equal(made.soft_labels[~hard], whole.soft_labels[kept][~hard])
    p = (made.soft_labels[hard] / 9).softmax(1).gather(1, made.labels[hard][:, None])
    assert p.flatten().tolist() == pytest.approx([0.9] * len(p), abs=2e-3)  # float16 holds the logits


def test_a_compact_set_stays_compact_and_only_regions_undo_that(home: Path, tmp_path: Path) -> None:
    overrides = (
        "experts.name=teacher",
        "experts.nets=convnet(depth=1, width=4, norm=batch)",
        "method.iterations=2",
        *SHORT,
    )
    made = condense("infer", ipc=2, overrides=overrides, evaluate=False, out=tmp_path / "run").set
    assert made.compact is not None and made.soft_labels is not None
    again = relabel(made, temperature=5.0)  # by the recipe's own teachers, which are there
    assert torch.equal(again.soft_labels, made.soft_labels) and again.facts.teachers == made.facts.teachers
    assert again.compact is made.compact and len(teacher_files(())) == 1
    assert relabel(made, ferkd="0,0.1,1").compact is made.compact  # no image was left out
    sure = made.soft_labels.softmax(1)[torch.arange(len(made)), made.labels]
    fewer = relabel(made, ferkd=f"{float(sure.median())},{float(sure.median())},1")
    assert 0 < len(fewer) < len(made)
    assert fewer.compact is None and fewer.stored_bytes()["images"] == 4 * fewer.images.numel()


def test_it_says_who_gave_the_labels_and_forgets_scores_of_others(source: SyntheticSet, tmp_path: Path) -> None:
    scored = dataclasses.replace(source, record=dataclasses.replace(source.record, scores='{"scores": []}'))
    write_bundle(linear(source, tmp_path), tmp_path / "own.pt")
    made = relabel(scored, files=(tmp_path / "own.pt",))
    assert made.record.scores == "{}"
    assert json.loads(made.record.lineage)["teachers"]["nets"] == f"file:{tmp_path / 'own.pt'}"
    assert relabel(made, temperature=3.0).facts.teachers == made.facts.teachers  # a second time by the same


def test_a_bundle_is_found_from_any_folder(
    source: SyntheticSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_bundle(linear(source, tmp_path), tmp_path / "own.pt")
    monkeypatch.chdir(tmp_path)
    made = relabel(source, files=(Path("own.pt"),))
    monkeypatch.chdir("/")
    assert torch.equal(relabel(made).soft_labels, made.soft_labels)


def test_teachers_under_the_statistics_of_the_set(source: SyntheticSet) -> None:
    net = "convnet(depth=1, width=4, norm=batch)"
    own, of_set = (relabel(source, nets=net, overrides=SHORT, teacher_bn=bn) for bn in ("running", "batch"))
    (file,) = teacher_files(())
    bundle = read_bundle(file)
    expected = bundle.net(bundle.theta, source.images).half().float()
    torch.testing.assert_close(of_set.soft_labels, expected, rtol=0, atol=0)
    assert not torch.allclose(own.soft_labels, expected, atol=1e-2)


def test_what_cannot_be_done_is_one_line(source: SyntheticSet, tmp_path: Path) -> None:
    def refused(kind: type[Exception], message: str, **arguments) -> None:
        with pytest.raises(kind, match=message) as caught:
            relabel(source, **arguments)
        assert "\n" not in str(caught.value)

    refused(UsageError, "has no teachers; name some with --teachers or --bundle")
    for wrong_temperature in (0.0, -5.0, float("nan"), float("inf")):
        refused(UsageError, "temperature must lie between", nets=TEACHERS, temperature=wrong_temperature)
    refused(UsageError, "named twice", nets=TEACHERS, files=(tmp_path / "none.pt",))
    refused(UsageError, "only experts", nets=TEACHERS, overrides=("method.ipc=3",))
    refused(DataError, "no such file", files=(tmp_path / "none.pt",))
    bundle = linear(source, tmp_path)
    wrong = dataclasses.replace(bundle.facts, classes=bundle.facts.classes[::-1])
    write_bundle(Bundle(bundle.theta, {}, wrong), tmp_path / "turned.pt")
    refused(DataError, "turned.pt': its class 0 is '2'", files=(tmp_path / "turned.pt",))
    write_bundle(
        Bundle(bundle.theta, {}, dataclasses.replace(bundle.facts, mean=(0.5, 0.5, 0.5))), tmp_path / "grey.pt"
    )
    refused(DataError, "needs pixels normalised", files=(tmp_path / "grey.pt",))
    refused(UsageError, "a ; separates teachers", files=(tmp_path / "a;b.pt",))
    refused(UsageError, "teacher_bn 'mean' is unknown", nets=TEACHERS, teacher_bn="mean")
    write_bundle(bundle, tmp_path / "mine.pt")
    refused(NumericalError, "too large for float16", files=(tmp_path / "mine.pt",), temperature=1e5, ferkd="0,1,1")
    write_bundle(linear(source, tmp_path, 1e7), tmp_path / "loud.pt")
    refused(NumericalError, "too large for float16", files=(tmp_path / "loud.pt",))
    refused(UsageError, "three shares", files=(tmp_path / "mine.pt",), ferkd="1,0,0")


def test_teachers_by_themselves(home: Path, tmp_path: Path) -> None:
    """INFER's for digits, made short."""
    found = train_teachers(overrides=("experts.name=teacher", f"experts.nets={TEACHERS}", *SHORT))
    assert len(found) == 1 and found.trained == 1
    real = prepare(load_images("digits"), DataSettings())
    assert found.teachers[0].facts.validation_accuracy == pytest.approx(
        found.accuracy(real.validation.images, real.validation.labels)
    )
    assert [read_bundle(file).digest for file in teacher_files(())] == [found.teachers[0].digest]
    (name,) = (file.stem for file in teacher_files(()))
    assert teacher_files((name,)) == teacher_files(())
    with pytest.raises(DataError, match="teacher 'nobody': does not exist"):
        teacher_files(("nobody",))
    with pytest.raises(UsageError, match="has no teachers"):
        train_teachers("random-digits-ipc1")
