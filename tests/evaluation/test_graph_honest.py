"""The table of graphs: rivals weigh what they should, the judged part is met once, figures are right."""

import dataclasses
from importlib import import_module

import numpy as np
import pytest
import torch
from random_graphs import distil, random_graph_data
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from ddkit.errors import UsageError
from ddkit.evaluation import GraphJudge, GraphTraining, evaluate_graph_set
from ddkit.evaluation.graph_rivals import herd, herding_graphs, judge_by_size, random_graphs
from ddkit.evaluation.graph_rows import capped, gaps, most_written_out
from ddkit.evaluation.graph_samples import distilled, whole_graphs
from ddkit.evaluation.graph_trainer import judge_gnn, train_gnns, verdict
from ddkit.gnns import GNN
from ddkit.graphs import graph_bytes
from ddkit.methods import graph_method
from ddkit.methods.mirage import MirageSettings
from ddkit.randomness import stream
from ddkit.run import SilentMeter

TRAINING = GraphTraining(gnns="gin", nets=2, steps=3, whole_steps=3, width=8)


@pytest.fixture(scope="module")
def data():
    return random_graph_data(41, graphs=40, labels=1, edge_labels=1)


@pytest.fixture(scope="module")
def made(data):
    return distil(graph_method("mirage"), MirageSettings(hops=2, ratio=0.3), data, 0)


def judge(data, judged=None, **changes) -> GraphJudge:
    return GraphJudge(data, judged or random_graph_data(42, graphs=30, labels=1, edge_labels=1), 2, TRAINING, 0)


def test_rivals_weigh_at_most_the_budget(data):
    weight = graph_bytes(data)
    for budget in (20, 100, 400):
        for chosen in (random_graphs(weight, data.y, budget, stream(0, "x")), herding_graphs(data, weight, budget)):
            assert weight[chosen].sum() <= budget and len(set(chosen.tolist())) == len(chosen)
            left = budget - weight[chosen].sum()
            rest = np.setdiff1d(np.arange(len(data)), chosen)
            if len(chosen) < 20 and budget == 100 and len(chosen):
                assert left < weight[rest].mean() * 2  # nothing to speak of is left unspent


def test_rivals_hold_every_class_where_the_bytes_allow_it(data):
    weight = graph_bytes(data)
    least = sum(int(weight[data.y == c].min()) for c in range(2))
    for budget in (least, least + 3, least + 10):
        draws = [random_graphs(weight, data.y, budget, stream(0, "x", i)) for i in range(10)]
        for chosen in (*draws, herding_graphs(data, weight, budget)):
            assert weight[chosen].sum() <= budget and set(data.y[chosen]) == {0, 1}
    few = judge(data).random_row("random", least - 1)
    assert few is not None and few.lacking and gaps({"random": few, "herding": None})[1].startswith("no row 'herding'")
    assert "its bytes are too few for graphs of all classes" in gaps({"random": few})[0]
    assert gaps({"random": judge(data).random_row("random", least)}) == []


def test_a_class_that_has_no_graph_to_draw_is_no_obstacle(data):
    absent = dataclasses.replace(data, classes=("a", "never", "b"), y=2 * data.y)
    weight = graph_bytes(absent)
    for chosen in (random_graphs(weight, absent.y, 200, stream(0, "x")), herding_graphs(absent, weight, 200)):
        assert set(absent.y[chosen]) == {0, 2} and weight[chosen].sum() <= 200


def test_random_draws_are_seeded_and_balanced(data):
    weight = graph_bytes(data)
    one, same, other = (random_graphs(weight, data.y, 200, stream(0, name)) for name in ("a", "a", "b"))
    assert np.array_equal(one, same) and not np.array_equal(one, other)
    assert abs(np.diff(np.bincount(data.y[one], minlength=2))[0]) <= 2


def test_herding_by_brute_force():
    features = stream(0, "f")
    points = torch.rand(12, 3, generator=features).numpy()
    chosen: list[int] = []
    for _ in range(5):
        gaps = {i: np.linalg.norm(points[[*chosen, i]].mean(0) - points.mean(0)) for i in range(12) if i not in chosen}
        chosen.append(min(gaps, key=gaps.get))
    assert herd(points, 5).tolist() == chosen


def test_verdicts_are_scikit_learns():
    draw = stream(0, "p")
    probability, y = torch.rand(50, 2, generator=draw).numpy(), torch.randint(2, (50,), generator=draw).numpy()
    probability /= probability.sum(1, keepdims=True)
    assert verdict(probability, y) == (
        roc_auc_score(y, probability[:, 1]),
        (probability.argmax(1) == y).mean(),
        balanced_accuracy_score(y, probability.argmax(1)),
    )
    three = torch.rand(50, 3, generator=draw).softmax(1).numpy()
    y = torch.randint(3, (50,), generator=draw).numpy()
    assert verdict(three, y).auc == pytest.approx(roc_auc_score(y, three, multi_class="ovr"))


def test_size_is_read_where_size_tells():
    data = random_graph_data(43, graphs=60, nodes=9)
    object.__setattr__(data, "y", (data.sizes > 4).astype(np.int64))
    assert judge_by_size(data, data).auc > 0.99


def test_shuffled_judged_classes_change_nothing_but_the_verdict(data, made):
    """Training never meets the judged part: with other classes there, the networks and so their states are the same."""
    judged = random_graph_data(42, graphs=30, labels=1, edge_labels=1)
    flipped = random_graph_data(42, graphs=30, labels=1, edge_labels=1)
    object.__setattr__(flipped, "y", 1 - flipped.y)
    for row in ("set", "random", "whole"):
        aucs = []
        for part in (judged, flipped):
            board = judge(data, part)
            rows = {"set": board.set_row(made), "random": board.random_row("r", 300), "whole": board.whole_row()}
            aucs.append(board.score(rows[row], "gin").metrics["auc"])
        assert np.allclose(aucs[0], 1 - np.array(aucs[1]))


def test_the_table(data, made):
    table = evaluate_graph_set(made, judge(data), SilentMeter())
    names = [score.name for score in table.scores]
    assert names[:4] == ["majority class", "graph size", "mirage", "untrained"] and names[-1] == "whole"
    weights = {score.name: score.size for score in table.scores}
    assert weights["mirage"] == made.stored_bytes >= weights["random, bytes as stored"]
    assert made.explicit_bytes >= weights["random, bytes written out"] > weights["random, bytes as stored"]
    again = evaluate_graph_set(made, judge(data), SilentMeter())
    assert again.tables(with_seconds=False) == table.tables(with_seconds=False)


def test_the_majoritys_share_stands_in_the_table(data):
    """Of 10 judged graphs 9 are of class a, which is the larger one in training too."""
    train = dataclasses.replace(data, y=(np.arange(40) % 4 == 0).astype(np.int64))
    judged = random_graph_data(42, graphs=10, labels=1, edge_labels=1)
    judged = dataclasses.replace(judged, y=(np.arange(10) == 0).astype(np.int64))
    board = judge(train, judged)
    (always, _) = board.scores_without_network()
    assert (always.name, always.metrics) == ("majority class", {"auc": (0.5,), "accuracy": (0.9,), "balanced": (0.5,)})
    assert board.uneven and not judge(data).uneven


def test_graphs_in_the_place_of_trees_written_out_are_capped_with_a_line(data, made, monkeypatch):
    board, whole = judge(data), int(graph_bytes(data).sum())
    assert capped(board, made, "row") == [] or made.explicit_bytes > whole // 2
    monkeypatch.setattr(import_module("ddkit.evaluation.graph_rows"), "MOST", made.explicit_bytes - 1)
    most = most_written_out(board, made)
    assert made.stored_bytes <= most < made.explicit_bytes
    (line,) = capped(board, made, "row")
    assert f"have {made.explicit_bytes:,} bytes, but the row has graphs of at most {most:,} bytes" in line
    table = evaluate_graph_set(made, board, SilentMeter())
    assert any("the set's trees written out have" in note for note in table.notes)
    assert {score.name: score.size for score in table.scores}["random, bytes written out"] <= most


def test_a_network_is_trained_as_by_torch(data):
    """Three steps of AdamW under the cosine, on the plain graphs, with the loss written out."""
    samples = whole_graphs(data, 2, False, torch.float64)

    def fresh():
        nodes, edges = torch.from_numpy(data.node_vocabulary), torch.from_numpy(data.edge_vocabulary)
        return GNN("sage", nodes, edges, 2, 8, 2, stream(0, "n")).double()

    ours, theirs = fresh(), fresh()
    train_gnns([ours], [samples], 3, TRAINING)
    optimiser = torch.optim.AdamW(theirs.parameters(), lr=TRAINING.lr, weight_decay=TRAINING.weight_decay)
    for step in range(3):
        optimiser.param_groups[0]["lr"] = TRAINING.lr * (1 + np.cos(np.pi * step / 3)) / 2
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(theirs(samples.layers, samples.readout), samples.y).backward()
        optimiser.step()
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-10, rtol=0)
    # Not their AUC: graphs of the same trees tie, up to the last bit.
    logits = [net(samples.layers, samples.readout) for net in (ours, theirs)]
    torch.testing.assert_close(*logits, atol=1e-9, rtol=0)
    assert judge_gnn(ours, samples) == verdict(logits[0].softmax(1).detach().numpy(), data.y)


def test_soft_labels_and_weights_reach_the_loss(data):
    plus = graph_method("mirage-plus")
    made = distil(plus, plus.settings_class(hops=2, ratio=0.3), data, 0)
    samples = distilled(made, False, torch.float64)
    assert torch.allclose(samples.y, torch.from_numpy(made.samples.probabilities))
    assert float(samples.weight.sum()) == pytest.approx(1)
    support = torch.from_numpy(made.samples.support / made.samples.support.sum())
    assert torch.allclose(samples.weight, support) and len(set(support.tolist())) > 1

    def fresh():
        nodes, edges = torch.from_numpy(data.node_vocabulary), torch.from_numpy(data.edge_vocabulary)
        return GNN("sage", nodes, edges, 2, 8, 2, stream(0, "n")).double()

    ours, theirs = fresh(), fresh()
    train_gnns([ours], [samples], 2, TRAINING)
    optimiser = torch.optim.AdamW(theirs.parameters(), lr=TRAINING.lr, weight_decay=TRAINING.weight_decay)
    for step in range(2):
        optimiser.param_groups[0]["lr"] = TRAINING.lr * (1 + np.cos(np.pi * step / 2)) / 2
        optimiser.zero_grad()
        logits = theirs(samples.layers, samples.readout).log_softmax(1)
        (-(samples.y * logits).sum(1) * samples.weight).sum().backward()
        optimiser.step()
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-10, rtol=0)


def test_an_unknown_network_is_one_line(data, made):
    with pytest.raises(UsageError, match=r"'gan' is unknown; did you mean"):
        GraphTraining(gnns="gin, gan")
    with pytest.raises(UsageError, match=r"must be a multiple of 4, the heads of gat, got 6"):
        GraphTraining(width=6)
