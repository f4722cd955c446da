"""The paper protocols: the best on the test part, with a note that says so, and the authors' schedule."""

import dataclasses
import re
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import accuracy_score, balanced_accuracy_score
from torch import nn

from ddkit.data import DSA, RealData
from ddkit.errors import UsageError
from ddkit.evaluation import PAPERS, Evaluation, PaperProtocol, evaluate_as_paper, paper
from ddkit.evaluation.trainer import Trained, train_networks
from ddkit.evaluation.training import Training
from ddkit.nets import FlatNet
from ddkit.randomness import stream
from ddkit.run import SilentMeter
from ddkit.synth import SyntheticSet
from ddkit.task import Task


def short(name: str, epochs: int = 30) -> PaperProtocol:
    return dataclasses.replace(PAPERS[name], epochs=epochs)


def judge(
    snapshots: dict[str, SyntheticSet],
    real: RealData,
    net: FlatNet,
    epochs: int = 30,
    name: str = "mtt",
    dsa: str = "",
    seed: int = 0,
) -> Evaluation:
    return evaluate_as_paper(snapshots, Task(real, net, DSA(dsa)), short(name, epochs), seed, SilentMeter(), nets=3)


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
    best, rival, majority = table.scores
    assert (table.protocol, best.name, rival.name) == ("paper-mtt", "toy (middle)", "random-real")
    assert majority.name == "majority class" and len(majority.accuracies) == 1
    alone = {name: judge({name: snapshot}, real, net).scores[0] for name, snapshot in snapshots.items()}
    assert best.accuracies == alone["middle"].accuracies
    assert best.mean == max(score.mean for score in alone.values()) > alone["last"].mean
    assert "SELECTED ON THE TEST SET: the best of 3 snapshots" in table.notes[0] and "not an honest" in table.notes[0]
    last, spread = map(float, re.findall(r"\d+\.\d", table.notes[1]))
    assert last == pytest.approx(100 * alone["last"].mean, abs=0.051)
    assert spread == pytest.approx(100 * np.std(best.accuracies), abs=0.051)  # NumPy's is the population's
    assert np.std(best.accuracies, ddof=1) - np.std(best.accuracies) > 0.0015  # enough to tell the two apart


@pytest.mark.parametrize("name", ["dc", "dsa", "dm"])
def test_the_last_set_is_reported_where_the_authors_do_so(
    snapshots: dict[str, SyntheticSet], real: RealData, net: FlatNet, name: str
) -> None:
    table = judge(snapshots, real, net, name=name, dsa="color_crop")
    assert table.scores[0].name == "toy (last)"
    assert "nothing is selected on the test set" in table.notes[0] and "SELECTED" not in "".join(table.notes)
    plain = judge({"last": snapshots["last"]}, real, net, name=name)
    assert (plain.scores[0].accuracies == table.scores[0].accuracies) == (name == "dc")  # DC's are not augmented


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

    def spy(*args: Any, **named: Any) -> Trained:
        calls.append(args)
        return train_networks(*args, **named)

    monkeypatch.setattr(paper, "train_networks", spy)
    members = torch.cat([(real.train.labels == c).nonzero()[:30, 0] for c in range(10)])
    many = dataclasses.replace(  # 300 images: two batches an epoch
        synthetic,
        images=real.train.images[members],
        labels=real.train.labels[members],
        facts=dataclasses.replace(synthetic.facts, lr=lr, ipc=30),
    )
    judge({"last": many}, real, net, epochs=5)
    (own, rival), common = calls, {"batch": 256, "drop_resets": True, "drop_momentum": 0.9, "weight_decay": 5e-4}
    assert own[3] == Training(steps=6 * 2, drop_at=4 * 2, **common)  # epochs 0 to 5; the lr falls when 3 is over
    assert rival[3] == own[3]
    torch.testing.assert_close(own[2], torch.full((3,), used))
    torch.testing.assert_close(rival[2], torch.full((3,), 0.01))
    members = rival[1].members
    assert members.shape == (3, 300) and len({tuple(row.sort()[0].tolist()) for row in members}) == 3
    for row in members:
        assert torch.equal(real.train.labels[row].sort()[0], many.labels)


def by_hand(
    name: str, synthetic: SyntheticSet, real: RealData, net: FlatNet, epochs: int, trainings: int = 1, seed: int = 0
) -> list[list[float]]:
    """Test accuracies of three networks after each epoch of the last training, by torch alone (no DSA)."""
    draw, found = stream(seed, "paper", f"set {synthetic.digest}"), []
    factor, later, decay = (0.5, 0.8, 1e-3) if name == "ast" else (0.1, 0.9, 5e-4)
    for theta in [net.init(draw) for _ in range(3)]:
        with torch.random.fork_rng():
            module = net.settings.build(net.shape, net.classes)
        nn.utils.vector_to_parameters(theta, module.parameters())
        for _ in range(trainings):
            sgd, seen = torch.optim.SGD(module.parameters(), lr=0.02, momentum=0.9, weight_decay=decay), []
            for epoch in range(epochs + 1):
                sgd.zero_grad()
                F.cross_entropy(module(synthetic.images), synthetic.labels).backward()
                sgd.step()
                hits = module(real.test.images).argmax(1) == real.test.labels
                seen.append(float(hits.float().mean()))
                if epoch == epochs // 2 + 1:
                    sgd = torch.optim.SGD(module.parameters(), 0.02 * factor, later, weight_decay=decay)
        found.append(seen)
    return found


def test_of_each_network_asts_best_look_is_reported(
    snapshots: dict[str, SyntheticSet], real: RealData, net: FlatNet
) -> None:
    """With labels that are half wrong, networks are best early on: under this seed by more than three images."""
    synthetic = snapshots["last"]
    table = judge({"last": synthetic}, real, net, epochs=60, name="ast", seed=4)
    seen = by_hand("ast", synthetic, real, net, 60, seed=4)
    best = [max(accuracies[epoch] for epoch in (0, 20, 40, 60)) for accuracies in seen]
    one_image = 1 / len(real.test)  # the sums in a batch may be in another order
    assert table.scores[0].accuracies == pytest.approx(best, abs=1.01 * one_image)
    assert max(best[i] - accuracies[-1] for i, accuracies in enumerate(seen)) > 3 * one_image
    assert max(max(accuracies) - best[i] for i, accuracies in enumerate(seen)) > 3 * one_image
    assert table.protocol == "paper-ast"
    assert "best of 1 snapshots, and for each network the best of 4 test accuracies, every 20 epochs" in table.notes[0]
    assert any("300 to 1000 epochs" in note for note in table.notes)


def test_balanced_accuracy_of_each_networks_best_look_stands_where_classes_are_uneven(
    snapshots: dict[str, SyntheticSet], real: RealData, net: FlatNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against scikit-learn, on digits of which the test part holds eight times as many ones as others."""
    kept = torch.cat([(real.data.test_labels == c).nonzero()[: 32 if c == 1 else 4, 0] for c in range(10)])
    data = dataclasses.replace(
        real.data, test_images=real.data.test_images[kept], test_labels=real.data.test_labels[kept]
    )
    uneven, looks = dataclasses.replace(real, data=data), []

    def spied(*given: Any, watch: Any, **more: Any) -> Trained:
        looks.append({})

        def seen(done: int, trained: Trained) -> None:
            looks[-1][done] = trained.theta.clone()
            watch(done, trained)

        return train_networks(*given, watch=seen, **more)

    monkeypatch.setattr(paper, "train_networks", spied)
    table = judge({"last": snapshots["last"]}, uneven, net, epochs=60, name="ast", seed=4)
    labels = uneven.test.labels.numpy()
    for score, seen in zip(table.scores, looks, strict=False):
        for i, (plain, balanced) in enumerate(zip(score.accuracies, score.metrics["balanced"], strict=True)):
            named = [net(seen[step][i], uneven.test.images).argmax(1).numpy() for step in short("ast", 60).looks(10)]
            best = max(named, key=lambda own: accuracy_score(labels, own))
            assert plain == pytest.approx(accuracy_score(labels, best))
            assert balanced == pytest.approx(balanced_accuracy_score(labels, best))
    assert all(score.of("balanced") for score in table.scores) and len(table.scores) == len(looks) + 1
    assert any(note.startswith("balanced: the mean over classes") for note in table.notes)
    alone = evaluate_as_paper(
        {"last": snapshots["last"]}, Task(uneven, net, DSA("")), short("mtt", 1), 0, SilentMeter(), baselines=False
    )
    assert alone.scores[0].of("balanced") and alone.notes[-1].startswith("balanced: the mean over classes")


def test_ftds_networks_are_trained_twice(snapshots: dict[str, SyntheticSet], real: RealData, net: FlatNet) -> None:
    """With labels that are all wrong, the second training makes networks worse still, and it alone counts."""
    synthetic = snapshots["early"]
    table = judge({"last": synthetic}, real, net, epochs=3, name="ftd", seed=4)
    once, twice = (
        [seen[-1] for seen in by_hand("ftd", synthetic, real, net, 3, trainings, seed=4)] for trainings in (1, 2)
    )  # fmt: skip
    one_image = 1 / len(real.test)
    assert table.scores[0].accuracies == pytest.approx(twice, abs=1.01 * one_image)
    assert max(a - b for a, b in zip(once, twice, strict=True)) > 5 * one_image
    assert table.protocol == "paper-ftd"
    assert any("trained twice" in note and "both trainings use these" in note for note in table.notes)


@pytest.mark.parametrize(
    "name, method, says",
    [
        ("mtt", "mtt", "protocol of MTT; networks a set: 5 by its authors, 3 here"),
        ("datm", "datm", "protocol of DATM; networks a set: 1 by its authors, 3 here"),
        ("ast", "ftd", "protocol of AST; the set is made by ftd; networks a set: 1"),
        ("mtt", "herding", "protocol of MTT; the set is made by herding, which has no protocol here; networks"),
    ],
)
def test_whose_protocol_it_is_is_said(
    synthetic: SyntheticSet, real: RealData, net: FlatNet, name: str, method: str, says: str
) -> None:
    made = dataclasses.replace(synthetic, facts=dataclasses.replace(synthetic.facts, method=method))
    table = judge({"last": made}, real, net, epochs=1, name=name)
    assert table.protocol == f"paper-{name}" and any(note.startswith(says) for note in table.notes)
    assert table.notes[0].startswith("SELECTED ON THE TEST SET: the best of 1 snapshots")


def test_no_snapshot_is_refused(real: RealData, net: FlatNet) -> None:
    with pytest.raises(UsageError, match="no set to score"):
        judge({}, real, net)
