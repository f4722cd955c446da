"""What makes the honest protocol honest: where the learning rate comes from, and that all rows are treated alike."""

import dataclasses
import json
from typing import Any

import pytest
import torch
from scipy import stats
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from ddkit.data import DSA, Part, RealData
from ddkit.evaluation import EvaluateSettings, Evaluation, Score, Table, evaluate_honestly, honest
from ddkit.evaluation.trainer import Trained, train_networks
from ddkit.evaluation.training import LR_GRIDS, Training
from ddkit.nets import FlatNet
from ddkit.randomness import stream
from ddkit.run import SilentMeter
from ddkit.synth import SyntheticSet
from ddkit.task import Task

LR_GRID = LR_GRIDS["sgd"]
SETTINGS = EvaluateSettings(nets=2, steps=15, epochs=2, batch=32)
ROWS = ["toy", "random-real", "herding", "kmeans", "whole", "majority class"]


def judge(synthetic: SyntheticSet, real: RealData, net: FlatNet, seed: int = 0, **changes: Any) -> Evaluation:
    baselines = changes.pop("baselines", True)
    settings = dataclasses.replace(SETTINGS, **changes)
    table = Table.of_set(synthetic, Task(real, net, DSA("color_crop")), settings)
    return evaluate_honestly(table, seed, SilentMeter(), baselines=baselines)


class Spy:
    """Stands in the place of `train_networks`, calls it, and keeps what came in and went out."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[dict[str, Any]] = []
        monkeypatch.setattr(honest, "train_networks", self)

    def __call__(self, *args: Any, watch: Any, groups: int) -> Trained:
        names = ("net", "pool", "lr", "training", "dsa", "generator")
        trained = train_networks(*args, groups=groups)
        call = dict(zip(names, args, strict=True))
        self.calls.append({**call, **vars(call["pool"]), "trained": trained})
        return trained


def test_shuffled_test_labels_change_nothing_but_the_accuracy(
    synthetic: SyntheticSet, real: RealData, net: FlatNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    shuffled = real.data.test_labels[torch.randperm(len(real.test), generator=stream(0, "shuffle"))]
    poisoned = dataclasses.replace(real, data=dataclasses.replace(real.data, test_labels=shuffled))
    spy = Spy(monkeypatch)
    clean, spoilt = judge(synthetic, real, net), judge(synthetic, poisoned, net)
    assert [score.lr for score in clean.scores] == [score.lr for score in spoilt.scores]
    trained = list(zip(clean.scores, spoilt.scores, strict=True))[:-1]  # the last row trains nothing
    assert all(one.accuracies != other.accuracies for one, other in trained)
    half = len(spy.calls) // 2
    for one, other in zip(spy.calls[:half], spy.calls[half:], strict=True):
        assert torch.equal(one["trained"].theta, other["trained"].theta)


def test_the_rate_is_the_best_on_validation_and_the_score_that_of_its_networks(
    synthetic: SyntheticSet, real: RealData, net: FlatNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Validation prefers the third rate, the test part the first."""
    scores = {"validation": [0.1, 0.2, 0.3, 0.2, 0.8, 0.6, 0.9, 0.0], "test": [0.9, 0.9, 0.8, 0.8, 0.4, 0.5, 0.7, 0.7]}

    class Fixed:
        def __init__(self, which: slice = slice(None)) -> None:
            self.which = which

        def accuracy(self, part: Part) -> list[float]:
            return scores["test" if len(part) == len(real.test) else "validation"][self.which]

        def only(self, which: slice) -> "Fixed":
            return Fixed(which)

    rates = []

    def fixed(*args: Any, **_: Any) -> Fixed:
        rates.append(args[2])
        return Fixed()

    monkeypatch.setattr(honest, "train_networks", fixed)
    for score in judge(synthetic, real, net).scores[:-1]:
        assert score.lr == LR_GRID[2] and score.accuracies == (0.4, 0.5)
    for lr in rates:
        torch.testing.assert_close(lr, torch.tensor([rate for rate in LR_GRID for _ in range(2)]))


def test_all_rows_are_trained_alike(
    synthetic: SyntheticSet, real: RealData, net: FlatNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    spy = Spy(monkeypatch)
    table = judge(synthetic, real, net)
    assert [score.name for score in table.scores] == ROWS
    sizes = [20, 20, 20, 20, len(real.train)]
    assert [score.samples for score in table.scores] == [*sizes, 0]
    for call, size in zip(spy.calls, sizes, strict=True):
        epochs_in_steps = -(-SETTINGS.epochs * size // SETTINGS.batch)
        steps = max(SETTINGS.steps, epochs_in_steps)
        assert call["training"] == Training(steps=steps, batch=SETTINGS.batch, drop_at=steps // 2)
        assert torch.equal(call["lr"], spy.calls[0]["lr"]) and call["dsa"] is spy.calls[0]["dsa"]
        assert call["members"].shape == (len(LR_GRID) * SETTINGS.nets, size)
    assert spy.calls[-1]["training"].steps > SETTINGS.steps  # both sides of the rule were seen
    own = spy.calls[0]
    assert torch.equal(own["images"], synthetic.images) and torch.equal(own["labels"], synthetic.labels)


def test_rivals_come_from_the_training_part_and_random_real_anew_for_each_network(
    synthetic: SyntheticSet, real: RealData, net: FlatNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    spy = Spy(monkeypatch)
    judge(synthetic, real, net, nets=3, whole=False)
    rivals = dict(zip(ROWS, spy.calls, strict=False))
    for name in ROWS[1:4]:
        members = rivals[name]["members"].view(len(LR_GRID), 3, -1)
        assert rivals[name]["images"] is real.train.images
        assert (members == members[:1]).all()  # every rate is tried on the same images
        for own in members[0]:
            assert torch.equal(real.train.labels[own].sort()[0], synthetic.labels)
        if name != "kmeans":
            assert len({tuple(sorted(own.tolist())) for own in members[0]}) == (3 if name == "random-real" else 1)
    assert torch.equal(real.train.images[rivals["herding"]["members"][0]], synthetic.images)  # herding twice
    again = Spy(monkeypatch)
    judge(synthetic, real, net, seed=1, nets=3, whole=False)
    assert not torch.equal(again.calls[1]["members"], rivals["random-real"]["members"])


def test_rows_can_be_left_out_and_soft_labels_train(synthetic: SyntheticSet, real: RealData, net: FlatNet) -> None:
    soft = torch.nn.functional.one_hot(synthetic.labels, 10).float()
    table = judge(dataclasses.replace(synthetic, soft_labels=soft), real, net, baselines=False, whole=False, steps=200)
    (score,) = table.scores
    assert score.name == "toy" and score.mean > 0.5


def test_equal_seeds_give_equal_tables(synthetic: SyntheticSet, real: RealData, net: FlatNet) -> None:
    one, same, other = (judge(synthetic, real, net, seed) for seed in (0, 0, 1))
    texts = [json.dumps(table.tables(with_seconds=False), allow_nan=False) for table in (one, same, other)]
    assert texts[0] == texts[1] != texts[2]
    table = json.loads(texts[0])
    assert (table["protocol"], table["dataset"], table["net"], table["seed"]) == ("honest", "digits", net.spec, 0)
    for row, score in zip(table["scores"], one.scores, strict=True):
        assert set(row) == {
            *("name", "images", "accuracies", "lr", "validation", "size", "balanced", "mean", "interval95")
        }
        if score.lr is not None:
            assert 0 <= row["validation"] <= 1
            assert (row["mean"], row["interval95"]) == (score.mean, score.interval)
    assert (table["scores"][-1]["lr"], table["scores"][-1]["interval95"]) == (None, None)
    assert all("seconds" in row for row in one.tables()["scores"])
    assert any(f"{len(real.validation)} validation" in note for note in one.notes)
    assert any(f"{len(real.test)} held-out test" in note for note in one.notes)


def test_the_majority_stands_below_and_balanced_accuracy_where_classes_are_uneven(
    synthetic: SyntheticSet, real: RealData, net: FlatNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against scikit-learn, on digits of which the test part holds eight times as many ones as others."""
    even = judge(synthetic, real, net)
    assert all(score.of("balanced") is None for score in even.scores) and "balanced" not in " ".join(even.notes)
    kept = torch.cat([(real.data.test_labels == c).nonzero()[: 32 if c == 1 else 4, 0] for c in range(10)])
    data = dataclasses.replace(
        real.data, test_images=real.data.test_images[kept], test_labels=real.data.test_labels[kept]
    )
    uneven, spy = dataclasses.replace(real, data=data), Spy(monkeypatch)
    table = judge(synthetic, uneven, net)
    labels = uneven.test.labels.numpy()
    for score, call in zip(table.scores[:-1], spy.calls, strict=True):
        first = LR_GRID.index(score.lr) * SETTINGS.nets
        for i, (plain, balanced) in enumerate(zip(score.accuracies, score.metrics["balanced"], strict=True)):
            named = net(call["trained"].theta[first + i], uneven.test.images).argmax(1).numpy()
            assert plain == pytest.approx(accuracy_score(labels, named))
            assert balanced == pytest.approx(balanced_accuracy_score(labels, named))
    majority, counts = table.scores[-1], torch.bincount(real.train.labels)
    assert majority.accuracies == ((labels == int(counts.argmax())).mean(),) and majority.metrics["balanced"] == (0.1,)
    assert f"always predicts '{counts.argmax()}'" in " ".join(table.notes)
    assert any(note.startswith("balanced: the mean over classes") for note in table.notes)


@pytest.mark.parametrize("accuracies", [(0.5, 0.7), (0.91, 0.93, 0.9), (0.1, 0.2, 0.3, 0.4, 0.55)])
def test_the_interval_is_students(accuracies: tuple[float, ...]) -> None:
    score = Score(name="x", samples=1, metrics={"accuracy": accuracies}, lr=0.1, seconds=0.0)
    low, high = stats.t.interval(
        0.95, len(accuracies) - 1, loc=sum(accuracies) / len(accuracies), scale=stats.sem(accuracies)
    )
    assert (score.mean - score.interval, score.mean + score.interval) == pytest.approx((low, high))
