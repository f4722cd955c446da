"""Policies of labels on sets and real images, and what each row takes in bytes."""

import dataclasses

import pytest
import torch

from ddkit.data import DSA, RealData
from ddkit.errors import UsageError
from ddkit.evaluation import EvaluateSettings, score_row
from ddkit.evaluation.label_targets import CLASSES
from ddkit.evaluation.labels import Labels, temperature_of
from ddkit.evaluation.rows import Row, rival_row, set_row, whole_row
from ddkit.experts import Bundle, Ensemble
from ddkit.experts.teachers.bundle import TeacherFacts
from ddkit.nets import FlatNet, parse_net
from ddkit.randomness import stream
from ddkit.synth import Compensated, SyntheticSet
from ddkit.task import Task

T = 11.0
PIXELS = 64


@pytest.fixture(scope="module")
def teachers(real: RealData) -> Ensemble:
    net, draw = FlatNet(parse_net("mlp(depth=1, width=8)"), (1, 8, 8), 10), stream(0, "teacher")
    facts = TeacherFacts(net=net.spec, shape=(1, 8, 8), classes=real.data.classes, data="digits", data_digest="d",
                         mean=(0.5,), std=(0.2,), validation_accuracy=0.5)  # fmt: skip
    return Ensemble((Bundle(net.init(draw), {}, facts), Bundle(net.init(draw), {}, facts)))


def labelled(synthetic: SyntheticSet, temperature: float | None) -> SyntheticSet:
    soft = 5 * torch.randn(20, 10, generator=stream(0, "soft"))
    soft = soft.softmax(1) if temperature is None else soft.half().float()
    facts = dataclasses.replace(synthetic.facts, temperature=temperature)
    return dataclasses.replace(synthetic, soft_labels=soft, facts=facts)


def called(row: Row, policy: str, classes: torch.Tensor | None, teachers: Ensemble | None, temperature: float) -> Row:
    return Labels(policy, teachers, temperature).apply(row, classes)


def row(synthetic: SyntheticSet, real: RealData) -> Row:
    return set_row(synthetic, real, 3)


def test_auto_is_what_a_set_has(synthetic: SyntheticSet, real: RealData, teachers: Ensemble) -> None:
    for kind, targets, bytes_ in ((None, None, 0), ("probabilities", None, 800), ("logits", T, 400)):
        own = synthetic if kind is None else labelled(synthetic, 30.0 if kind == "logits" else None)
        found = called(row(own, real), "auto", own.labels, teachers, T)
        expected = own.labels if own.soft_labels is None else own.soft_labels
        assert torch.equal(found.labels, expected) and found.targets.temperature == targets
        assert found.targets.teachers is None and found.size == 4 * 20 * PIXELS + bytes_
    whole = called(whole_row(real, 3), "auto", None, teachers, T)
    assert whole.targets == CLASSES and whole.size == len(real.train) * PIXELS


@pytest.mark.parametrize("temperature", [None, 30.0])
def test_hard_is_classes_and_soft_labels_cost_nothing(
    synthetic: SyntheticSet, real: RealData, teachers: Ensemble, temperature: float | None
) -> None:
    own = labelled(synthetic, temperature)
    found = called(row(own, real), "hard", own.labels, None, T)
    assert torch.equal(found.labels, own.labels) and found.targets == CLASSES
    assert found.size == 4 * 20 * PIXELS
    rival = rival_row("random-real", real, 2, 3, 0)
    assert called(rival, "hard", None, None, T).labels is rival.labels
    assert called(rival, "hard", None, None, T).size == 20 * PIXELS


def test_static_are_the_teachers_answers_to_images_as_they_are(
    synthetic: SyntheticSet, real: RealData, teachers: Ensemble
) -> None:
    found = called(row(synthetic, real), "static", synthetic.labels, teachers, T)
    assert torch.equal(found.labels, teachers.labels(synthetic.images))
    assert (found.targets.temperature, found.targets.teachers) == (T, None)
    assert found.size == 4 * 20 * PIXELS + 2 * 20 * 10


def test_a_sets_own_static_labels_stay(synthetic: SyntheticSet, real: RealData, teachers: Ensemble) -> None:
    own = labelled(synthetic, 30.0)
    found = called(row(own, real), "static", own.labels, teachers, T)
    assert torch.equal(found.labels, own.soft_labels) and found.targets.temperature == T
    assert found.size == 4 * 20 * PIXELS + 2 * 20 * 10


def test_probabilities_give_way_to_the_teachers_and_are_not_counted_twice(
    synthetic: SyntheticSet, real: RealData, teachers: Ensemble
) -> None:
    """DATM's soft labels are no teachers'."""
    own = labelled(synthetic, None)
    found = called(row(own, real), "static", own.labels, teachers, T)
    assert torch.equal(found.labels, teachers.labels(own.images))
    assert found.size == 4 * 20 * PIXELS + 2 * 20 * 10


@pytest.mark.parametrize("name", ["random-real", "herding"])
def test_static_labels_of_real_images_are_those_of_the_members_only(
    real: RealData, teachers: Ensemble, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: list[int] = []
    labels = Ensemble.labels

    def spy(self: Ensemble, images: torch.Tensor) -> torch.Tensor:
        counts.append(len(images))
        return labels(self, images)

    monkeypatch.setattr(Ensemble, "labels", spy)
    rival = rival_row(name, real, 2, 3, 0)
    found = called(rival, "static", None, teachers, T)
    used = rival.members.unique()
    assert counts == [len(used)] and found.labels.shape == (len(real.train), 10)
    torch.testing.assert_close(found.labels[used], labels(teachers, real.train.images[used]))
    others = torch.ones(len(real.train), dtype=torch.bool).index_fill(0, used, False)
    assert found.labels[others].abs().sum() == 0
    assert found.size == 20 * PIXELS + 2 * 20 * 10  # of one network's members, not of all draws
    assert torch.equal(found.members, rival.members)


def test_dynamic_labels_are_nowhere_stored(synthetic: SyntheticSet, real: RealData, teachers: Ensemble) -> None:
    for own in (synthetic, labelled(synthetic, None), labelled(synthetic, 30.0)):
        found = called(row(own, real), "dynamic", own.labels, teachers, T)
        assert found.targets.teachers is teachers and found.targets.temperature == T
        assert found.size == 4 * 20 * PIXELS
    rival = called(rival_row("kmeans", real, 2, 3, 0), "dynamic", None, teachers, T)
    assert rival.targets.teachers is teachers and rival.size == 20 * PIXELS


@pytest.mark.parametrize("policy", ["static", "dynamic"])
def test_without_teachers_it_is_one_line(synthetic: SyntheticSet, real: RealData, policy: str) -> None:
    for own in (row(synthetic, real), rival_row("random-real", real, 1, 2, 0)):
        with pytest.raises(UsageError, match=f"labels: {policy} labels need teachers") as caught:
            called(own, policy, synthetic.labels, None, T)
        assert "\n" not in str(caught.value)


def test_the_whole_real_set_keeps_its_classes(real: RealData, teachers: Ensemble) -> None:
    for policy in ("auto", "hard", "static", "dynamic"):
        found = called(whole_row(real, 2), policy, None, teachers, T)
        assert found.labels is real.train.labels and found.targets == CLASSES


def test_a_compact_set_takes_the_bytes_of_its_parts(synthetic: SyntheticSet, real: RealData) -> None:
    parts = Compensated(torch.zeros(10, 2, 1, 8, 8, dtype=torch.uint8), torch.zeros(3, 2, 1, 8, 8).half())
    facts = dataclasses.replace(synthetic.facts, mean=(0.5,), std=(0.2,), temperature=30.0)
    own = SyntheticSet.from_compact(parts, facts, torch.zeros(80, 10))
    images = 10 * 2 * PIXELS + 2 * 3 * 2 * PIXELS
    assert row(own, real).size == images + 2 * 80 * 10
    assert called(row(own, real), "hard", own.labels, None, T).size == images


def test_a_sets_own_temperature_counts_unless_another_is_asked_for() -> None:
    assert [temperature_of(None, 4.0), temperature_of(20.0, 4.0), temperature_of(None, None)] == [4.0, 20.0, 30.0]


def test_the_random_stream_is_that_of_what_is_trained_on(synthetic: SyntheticSet, real: RealData) -> None:
    renamed = dataclasses.replace(synthetic, facts=dataclasses.replace(synthetic.facts, method="other"))
    other = dataclasses.replace(synthetic, images=synthetic.images + 1e-3)
    ours = row(synthetic, real).trained_on
    assert row(renamed, real).trained_on == ours != row(other, real).trained_on
    random = rival_row("random-real", real, 2, 3, 0)
    assert dataclasses.replace(random, name="random-real, same labels").trained_on == random.trained_on


def test_a_score_follows_from_what_is_trained_on_and_not_from_the_name(
    synthetic: SyntheticSet, real: RealData, net: FlatNet
) -> None:
    settings, own = EvaluateSettings(nets=2, steps=20, epochs=1), row(synthetic, real)
    own = dataclasses.replace(own, members=own.members[:2])
    scores = [
        score_row(one, Task(real, net, DSA("")), settings, 0)
        for one in (own, dataclasses.replace(own, name="other name"))
    ]
    assert scores[0].accuracies == scores[1].accuracies and scores[0].validation == scores[1].validation
