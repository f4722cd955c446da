"""The paper protocol: the best snapshot on the test part, said so, and the authors' schedule."""

import dataclasses
import re
from typing import Any

import numpy as np
import pytest
import torch

from ddkit.data import DSA, RealData
from ddkit.errors import UsageError
from ddkit.evaluation import Evaluation, evaluate_as_paper, paper
from ddkit.evaluation.trainer import Trained, Training, train_networks
from ddkit.nets import FlatNet
from ddkit.run import SilentMeter
from ddkit.synth import SyntheticSet


def judge(snapshots: dict[str, SyntheticSet], real: RealData, net: FlatNet, epochs: int = 30) -> Evaluation:
    return evaluate_as_paper(snapshots, real, net, DSA(""), 0, SilentMeter(), nets=3, epochs=epochs)


@pytest.fixture
def snapshots(synthetic: SyntheticSet) -> dict[str, SyntheticSet]:
    """Three sets of which the second is by far the best, since the others' labels are wrong in part."""
    half = synthetic.labels.clone()
    half[::2] = half[::2].roll(2)
    wrong = dataclasses.replace(synthetic, labels=synthetic.labels.roll(2))
    return {"early": wrong, "middle": synthetic, "last": dataclasses.replace(synthetic, labels=half)}


def test_the_best_snapshot_on_the_test_part_is_reported_and_said_so(
    snapshots: dict[str, SyntheticSet], real: RealData, net: FlatNet
) -> None:
    table = judge(snapshots, real, net)
    best, rival = table.scores
    assert (table.protocol, best.name, rival.name) == ("paper", "toy (middle)", "random-real")
    alone = {name: judge({name: snapshot}, real, net).scores[0] for name, snapshot in snapshots.items()}
    assert best.accuracies == alone["middle"].accuracies
    assert best.mean == max(score.mean for score in alone.values()) > alone["last"].mean
    assert "SELECTED ON THE TEST SET: the best of 3 snapshots" in table.notes[0] and "not an honest" in table.notes[0]
    last, spread = map(float, re.findall(r"\d+\.\d", table.notes[1]))
    assert last == pytest.approx(100 * alone["last"].mean, abs=0.051)
    assert spread == pytest.approx(100 * np.std(best.accuracies), abs=0.051)  # NumPy's is the population's
    assert np.std(best.accuracies, ddof=1) - np.std(best.accuracies) > 0.0015  # enough to tell the two apart


@pytest.mark.parametrize("lr, used", [(0.02, 0.02), (None, 0.01)])
def test_the_schedule_is_the_authors(
    synthetic: SyntheticSet,
    real: RealData,
    net: FlatNet,
    monkeypatch: pytest.MonkeyPatch,
    lr: float | None,
    used: float,
) -> None:
    calls: list[tuple[Any, ...]] = []

    def spy(*args: Any) -> Trained:
        calls.append(args)
        return train_networks(*args)

    monkeypatch.setattr(paper, "train_networks", spy)
    many = dataclasses.replace(  # 300 images: two batches an epoch
        synthetic,
        images=real.train.images[:300],
        labels=real.train.labels[:300],
        facts=dataclasses.replace(synthetic.facts, lr=lr),
    )
    judge({"last": many}, real, net, epochs=5)
    (own, rival), common = calls, {"batch": 256, "drop_resets": True, "momentum": 0.9, "weight_decay": 5e-4}
    assert own[5] == Training(steps=6 * 2, drop_at=3 * 2, **common)
    assert rival[5] == Training(steps=6, drop_at=3, **common)
    torch.testing.assert_close(own[4], torch.full((3,), used))
    torch.testing.assert_close(rival[4], torch.full((3,), 0.01))
    assert rival[3].shape == (3, 20) and len({tuple(row.sort()[0].tolist()) for row in rival[3]}) == 3
    for row in rival[3]:
        assert torch.equal(real.train.labels[row].sort()[0], synthetic.labels)


def test_the_default_is_a_thousand_epochs_and_five_networks(
    synthetic: SyntheticSet, real: RealData, net: FlatNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[Any, ...]] = []

    def instead(*args: Any) -> Trained:
        calls.append(args)
        return Trained(net, torch.zeros(len(args[3]), net.parameters), {})

    monkeypatch.setattr(paper, "train_networks", instead)
    evaluate_as_paper({"last": synthetic}, real, net, DSA(""), 0, SilentMeter())
    for call in calls:
        assert (call[5].steps, call[5].drop_at, len(call[3])) == (1001, 501, 5)


def test_no_snapshot_is_refused(real: RealData, net: FlatNet) -> None:
    with pytest.raises(UsageError, match="no set to score"):
        judge({}, real, net)
