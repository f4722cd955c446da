"""Experts of a curriculum (PAD), and the difficulty of images."""

import dataclasses
import gc
import math
import weakref

import pytest
import torch

from ddkit.data import DSA
from ddkit.errors import RecipeError
from ddkit.experts import curriculum, expert_settings, train_experts
from ddkit.experts import train as training
from ddkit.experts.curriculum import CurriculumExperts
from ddkit.experts.difficulty import el2n, from_easy_to_hard
from ddkit.randomness import stream
from ddkit.task import Task


def test_el2n_is_the_mean_distance_of_probabilities_and_label() -> None:
    draw = stream(0, "el2n")
    logits, labels = torch.randn(3, 5, 4, generator=draw, dtype=torch.float64), torch.tensor([0, 3, 1, 1, 2])
    by_hand = []
    for n, label in enumerate(labels.tolist()):
        own = []
        for r in range(3):
            powers = [math.exp(float(value)) for value in logits[r, n]]
            errors = [power / sum(powers) - (k == label) for k, power in enumerate(powers)]
            own.append(math.sqrt(sum(error * error for error in errors)))
        by_hand.append(sum(own) / 3)
    assert el2n(logits, labels).tolist() == pytest.approx(by_hand, rel=1e-12)
    assert from_easy_to_hard(torch.tensor([2.0, 1.0, 2.0, 0.0])).tolist() == [3, 1, 0, 2]


def test_shares_are_pads() -> None:
    settings = CurriculumExperts()
    at = {epoch: settings.shares(epoch) for epoch in (0, 10, 20, 39, 40, 59, 60, 99)}
    assert at[0] == (0, 0.75) and at[10] == (0, 0.875) and at[20] == at[39] == (0, 1)
    assert at[40] == at[59] == (0.1, 1) and at[60] == at[99] == (0.2, 1)


def test_without_a_curriculum_they_are_flat_experts_to_the_byte(real, net) -> None:
    task, common = Task(real, net, DSA("crop")), {"batch": 8, "lr": 0.05}
    whole = CurriculumExperts(**common, initial_share=1.0, removed_share=0.0, scoring_epochs=1)
    # The images are in another order in the curriculum, which the order of an epoch is drawn from.
    part = whole.lessons(task)(0)
    sorted_real = dataclasses.replace(real, train=part)
    flat = train_experts(Task(sorted_real, net, DSA("crop")), expert_settings("flat")(**common), 2, [stream(0, "a")])
    ours = train_experts(task, whole, 2, [stream(0, "a")])
    for (one, _), (two, _) in zip(flat, ours, strict=True):
        assert torch.equal(one, two)


def test_an_epoch_has_the_images_of_its_shares_from_easy_to_hard(real, net, monkeypatch) -> None:
    settings = CurriculumExperts(
        batch=8, initial_share=0.5, all_epoch=2, removed_share=0.1, first_removal=3, second_removal=4, scoring_epochs=1
    )
    task, seen = Task(real, net, DSA("")), []
    order = curriculum._order(task, settings)
    batches = training.epoch_batches
    monkeypatch.setattr(training, "epoch_batches", lambda part, *rest: seen.append(part.images) or batches(part, *rest))
    losses = [loss for _, loss in train_experts(task, settings, 5, [stream(0, "a")])]
    count = len(real.train)
    for images, (first, last) in zip(seen, [(0, 0.5), (0, 0.75), (0, 1), (0.1, 1), (0.2, 1)], strict=True):
        assert torch.equal(images, real.train.images[order[round(first * count) : round(last * count)]])
    assert all(loss.isfinite() for loss in losses[1:])


def test_the_easy_half_is_learned_better_by_networks_that_did_not_measure_it(real, net) -> None:
    task = Task(real, net, DSA(""))
    settings = CurriculumExperts(batch=8, lr=0.05, scoring_epochs=3, scorers=3)
    order = curriculum._order(task, settings)
    *_, (theta, _) = train_experts(task, expert_settings("plain")(batch=8, lr=0.05), 3, [stream(7, "another")])
    own = el2n(net(theta[0], real.train.images)[None], real.train.labels)
    half = len(order) // 2
    assert own[order[:half]].mean() < own[order[half:]].mean()


def test_the_order_is_measured_once_a_task_and_keeps_no_task_alive(real, net, monkeypatch) -> None:
    measured, trained = [], curriculum.train_experts
    monkeypatch.setattr(curriculum, "train_experts", lambda *given: measured.append(1) or trained(*given))
    settings = CurriculumExperts(batch=8, scoring_epochs=1)
    task = Task(dataclasses.replace(real), net, DSA(""))
    assert torch.equal(curriculum._order(task, settings), curriculum._order(task, settings)) and len(measured) == 1
    other = dataclasses.replace(settings, scoring_epochs=2)
    curriculum._order(task, other)
    curriculum._order(task, settings)
    assert len(measured) == 2  # the orders of two settings stay side by side
    data = weakref.ref(task.real)
    del task
    gc.collect()
    assert data() is None


def test_an_epoch_without_images_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"experts.initial_share.*above twice removed_share, 0.4"):
        CurriculumExperts(initial_share=0.3, removed_share=0.2)
