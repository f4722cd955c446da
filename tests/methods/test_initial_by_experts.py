"""What a set begins with: AST's and DATM's initial images and labels, against brute force on tiny data."""

import pytest
import torch

from ddkit.data import Counts
from ddkit.errors import RecipeError
from ddkit.methods import initial_by_experts
from ddkit.methods.ast import AST, ASTSettings
from ddkit.methods.datm import DATM, DATMSettings
from ddkit.methods.expert_predictions import correct_mean_logits, first_correct
from ddkit.methods.mtt import MTT, MTTSettings

TINY = {"iterations": 6, "syn_steps": 2, "expert_epochs": 2, "max_start_epoch": 2, "teacher_epoch": 3}


def rows_of(images, real):
    """Which training image each is; a list for each."""
    return [(real.train.images == image).flatten(1).all(1).nonzero().flatten().tolist() for image in images]


@pytest.mark.parametrize("pix_init", ["representative", "samples_predicted_correctly"])
@pytest.mark.parametrize("ipc", [1, 3, 10])
def test_exactly_ipc_real_images_a_class(make_context, real, pix_init, ipc):
    """AST's own takes int(ipc / 10) images of each of ten clusters: none at 1 or 3."""
    method = MTT(MTTSettings(**TINY, ipc=ipc, pix_init=pix_init), make_context("plain"))
    rows = rows_of(method.init().images, real)
    assert all(len(row) == 1 for row in rows) and len({row[0] for row in rows}) == 3 * ipc
    assert [int(real.train.labels[row[0]]) for row in rows] == [c for c in range(3) for _ in range(ipc)]


def test_representatives_are_nearest_to_the_centres_of_logits(make_context, real):
    """At one image a class the only centre is the mean of the logits, which needs no clustering."""
    context = make_context("smooth")
    method = AST(ASTSettings(**TINY, ipc=1), context)
    rows = [row[0] for row in rows_of(method.init().images, real)]
    for_each_expert = []
    for expert in range(2):
        logits = context.net(context.trajectories.row(expert, 3), real.train.images)
        nearest = []
        for c in range(3):
            members = (real.train.labels == c).nonzero().flatten()
            centre = logits[members].mean(0)
            nearest.append(int(members[(logits[members] - centre).norm(dim=1).argmin()]))
        for_each_expert.append(nearest)
    assert rows in for_each_expert


@pytest.mark.parametrize("ipc", [2, 3])
def test_representatives_are_one_of_each_cluster(make_context, real, monkeypatch, ipc):
    """Logits are planted: ipc clusters a class, far apart, of which pixels know nothing."""
    context = make_context("smooth")
    cluster = torch.arange(len(real.train)) % ipc

    def planted(net, theta, images, stats):
        spread = torch.arange(len(images)).float()[:, None] * 1e-3
        return torch.nn.functional.one_hot(cluster, 3) * 100.0 + spread

    monkeypatch.setattr("ddkit.methods.initial_by_experts.logits_of", planted)
    method = AST(ASTSettings(**TINY, ipc=ipc), context)
    rows = torch.tensor([row[0] for row in rows_of(method.init().images, real)])
    for c in range(3):
        assert sorted(cluster[rows[c * ipc : (c + 1) * ipc]].tolist()) == list(range(ipc))


def test_the_first_teacher_who_is_right():
    predictions = torch.tensor([[0, 1, 1, 0, 1], [0, 0, 1, 1, 1], [1, 0, 0, 0, 1]])  # said[teacher, image]
    labels = torch.tensor([0, 0, 1, 1, 0])
    images = torch.arange(5.0).view(5, 1, 1, 1)

    def predict(expert, x):
        return torch.nn.functional.one_hot(predictions[expert, x.flatten().long()], 2).float()

    assert first_correct(predict, 3, images, labels, Counts((2, 2))).tolist() == [0, 1, 0, 1, 3]
    assert first_correct(predict, 3, images, labels, Counts((1, 1))).tolist() == [0, 3, 0, 3, 3]  # one sufficed


def test_images_are_those_that_an_expert_gets_right_as_far_as_there_are_any(make_context, real):
    context = make_context("flat")
    right = torch.stack(
        [context.net(context.trajectories.row(e, 3), real.train.images).argmax(1) == real.train.labels for e in (0, 1)]
    )
    ranks = torch.where(right[0], 0, torch.where(right[1], 1, 2))
    for ipc in (1, 3, 8):
        rows = torch.tensor(
            [row[0] for row in rows_of(DATM(DATMSettings(**TINY, ipc=ipc), context).init().images, real)]
        )
        for c in range(3):
            best = ranks[real.train.labels == c].sort().values[:ipc]
            assert ranks[rows[c * ipc : (c + 1) * ipc]].tolist() == best.tolist()


def test_labels_are_mean_logits_of_teachers_who_are_right_and_never_nan():
    """Image 0: teachers 0 and 1 are right; image 1: nobody is, which is 0 / 0 in the published code."""
    logits = torch.tensor(
        [[[3.0, 1.0], [5.0, 0.0]], [[2.0, 0.0], [1.0, 0.5]], [[0.0, 9.0], [3.0, 1.0]]], dtype=torch.float64
    )

    def predict(expert, x):
        return logits[expert, x.flatten().long()]

    found = correct_mean_logits(predict, 3, torch.arange(2.0).view(2, 1, 1, 1), torch.tensor([0, 1]))
    torch.testing.assert_close(found, torch.tensor([[2.5, 0.5], [3.0, 0.5]], dtype=torch.float64))


def test_noise_has_no_soft_labels():
    with pytest.raises(RecipeError, match=r"pix_init.*experts cannot label noise"):
        DATMSettings(pix_init="noise")


def test_what_batch_norm_experts_say_does_not_depend_on_the_company(make_context, real):
    """Of data that lies class by class, as folders do, a chunk has one class, and its own statistics mislead."""
    context = make_context("flat", norm="batch")
    predict = initial_by_experts._predictor(context, context.trajectories, 3)
    everything = predict(0, real.train.images)
    for few in (torch.tensor([4]), (real.train.labels == 1).nonzero()[:, 0]):
        torch.testing.assert_close(predict(0, real.train.images[few]), everything[few], atol=1e-5, rtol=1e-4)
