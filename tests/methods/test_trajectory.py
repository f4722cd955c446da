"""Trajectory matching: what is drawn, what is read, and every update against its formula."""

import dataclasses
import math

import pytest
import torch

from ddkit.errors import UsageError
from ddkit.experts import Trajectories
from ddkit.methods.batches import draw_batches
from ddkit.methods.datm import DATM, DATMSettings
from ddkit.methods.ftd import FTD, FTDSettings
from ddkit.methods.mtt import MTT, MTTSettings
from ddkit.methods.trajectory import TrajectoryMatching
from ddkit.randomness import stream
from ddkit.unroll import matching_loss

TINY = {"iterations": 6, "syn_steps": 3, "expert_epochs": 2, "max_start_epoch": 2, "ipc": 2}


def run(method, steps):
    states = [method.init()]
    for _ in range(steps):
        states.append(method.step(states[-1])[0])
    return states


# Batches


@pytest.mark.parametrize(("count", "batch", "steps"), [(10, 3, 7), (10, 10, 4), (7, 5, 9), (12, 4, 3), (5, 1, 3)])
def test_batches_are_full_and_fair(count, batch, steps):
    index = draw_batches(count, batch, steps, stream(0, "test"))
    assert index.shape == (steps, batch)
    uses = torch.bincount(index.flatten(), minlength=count)
    assert len(uses) == count and uses.max() - uses.min() <= 1


@pytest.mark.parametrize("batch", [6, 100])
def test_a_batch_of_all_images(batch):
    assert torch.equal(draw_batches(6, batch, 3, stream(0, "test")), torch.arange(6).expand(3, 6))


def test_batches_are_drawn_anew():
    generator = stream(0, "test")
    one, two = (draw_batches(10, 3, 7, generator) for _ in range(2))
    assert not torch.equal(one, two)
    assert not torch.equal(one[:3].flatten().sort().values, torch.arange(9))  # a permutation, not the order itself


# What is read of an expert


@pytest.mark.parametrize(("start", "span"), [(1, 2), (2, 1), (2, 2), (1, 1), (3, 1)])
def test_only_the_promised_epochs_are_read(make_context, monkeypatch, start, span):
    read = set()
    row = Trajectories.row

    def spy(self, expert, epoch):
        read.add((expert, epoch))
        return row(self, expert, epoch)

    monkeypatch.setattr(Trajectories, "row", spy)
    settings = MTTSettings(**TINY | {"max_start_epoch": start, "expert_epochs": span, "syn_steps": 1})
    run(MTT(settings, make_context("plain")), 40)
    epochs = {epoch for _, epoch in read}
    assert epochs == set(range(start)) | set(range(span, start + span))
    assert max(epochs) == settings.reads_epochs == start - 1 + span
    assert {expert for expert, _ in read} == {0, 1}


def test_experts_are_needed(make_context):
    with pytest.raises(UsageError, match="'mtt' reads expert trajectories, but the context has none"):
        MTT(MTTSettings(), make_context(None))


# Updates. The spy keeps the gradients that autograd gave, the oracles are the formulas and torch.optim.SGD.


@pytest.fixture
def gradients(monkeypatch):
    """(d loss / d images, d loss / d log lr) of every step."""
    kept, grad = [], torch.autograd.grad

    def spy(outputs, inputs, *arguments, **options):
        found = grad(outputs, inputs, *arguments, **options)
        # the outer gradient is the one of a scalar with respect to (images, log lr)
        if isinstance(inputs, tuple) and len(inputs) == 2 and inputs[1].dim() == 0:
            kept.append(found)
        return found

    monkeypatch.setattr(torch.autograd, "grad", spy)
    return kept


def test_images_move_as_under_torch_sgd(make_context, gradients):
    settings = MTTSettings(**TINY, lr_img=3.0, lr_lr=1e-5)
    states = run(MTT(settings, make_context("plain")), 4)
    assert len(gradients) == 4
    images = states[0].images.clone().requires_grad_()
    optimiser = torch.optim.SGD([images], lr=3.0, momentum=0.5)
    for state, (gradient, _) in zip(states[1:], gradients, strict=True):
        assert gradient.abs().max() > 0
        images.grad = gradient
        optimiser.step()
        torch.testing.assert_close(state.images, images.detach(), rtol=1e-6, atol=1e-6)


def test_one_step_by_hand(make_context):
    """Without augmentation and with all images in every batch, a step is the gradient of the reference unroll."""
    context = make_context("plain", augment="")
    settings = MTTSettings(**TINY, lr_img=2.0, lr_lr=1e-4, lr_teacher=0.05)
    before, after = run(MTT(settings, context), 1)
    generator = torch.Generator()
    generator.set_state(before.rng)
    expert, start = (int(torch.randint(high, (), generator=generator)) for high in (2, 2))
    theta = [context.trajectories.row(expert, epoch).double() for epoch in (start, start + 2)]
    images = before.images.double().requires_grad_()
    lr = torch.tensor(0.05, dtype=torch.float64, requires_grad=True)
    batches, labels = images.expand(3, *images.shape), context.labels(2).expand(3, 6)
    loss = matching_loss(context.net, *theta, batches, labels, lr, engine="reference")
    image_grad, lr_grad = torch.autograd.grad(loss, (images, lr))
    moved = after.images.double() - before.images.double()
    assert (moved + 2.0 * image_grad).norm() < 1e-4 * moved.norm()
    # d loss / d log lr = lr d loss / d lr, and the step is lr_lr / lr_teacher^2
    assert float(after.log_lr) == pytest.approx(math.log(0.05) - 1e-4 / 0.05 * float(lr_grad), abs=1e-6)


def test_the_learned_lr_takes_the_papers_step_to_first_order(make_context, gradients):
    """At lr = lr_teacher plain SGD gives lr - lr_lr d loss / d lr; halving lr_lr must quarter the difference to it."""
    lr, differences = 0.05, []
    for lr_lr in (4e-4, 2e-4):
        gradients.clear()
        settings = MTTSettings(**TINY, lr_img=1e-9, lr_lr=lr_lr, lr_teacher=lr)
        method = TrajectoryMatching(settings, make_context("plain"))
        state = method.init()
        exact = dataclasses.replace(state, log_lr=state.log_lr.double(), lr_velocity=state.lr_velocity.double())
        after = method.step(exact)[0]
        gradient = float(gradients[0][1]) / lr
        paper = lr - lr_lr * gradient
        assert abs(paper - lr) > 1e-6
        differences.append(abs(float(after.log_lr.exp()) - paper))
        assert differences[-1] < 0.2 * abs(paper - lr)
    assert differences[0] / differences[1] == pytest.approx(4, rel=0.1)


def test_the_learned_lr_has_momentum(make_context, gradients):
    settings = MTTSettings(**TINY, lr_img=1e-9, lr_lr=1e-5, lr_teacher=0.05)
    states = run(MTT(settings, make_context("plain")), 4)
    log_lr = states[0].log_lr.clone().requires_grad_()
    optimiser = torch.optim.SGD([log_lr], lr=1e-5 / 0.05**2, momentum=0.5)
    for state, (_, gradient) in zip(states[1:], gradients, strict=True):
        log_lr.grad = gradient
        optimiser.step()
        assert float(state.log_lr) == pytest.approx(log_lr.item(), abs=1e-6)


def test_the_learned_lr_stays_positive_where_the_papers_turns_negative(make_context, gradients):
    lr = 0.05
    probe = MTTSettings(**TINY, lr_img=1e-9, lr_lr=0.0, lr_teacher=lr)
    run(MTT(probe, make_context("plain")), 1)
    gradient = float(gradients[0][1]) / lr
    absurd = 10 * lr / abs(gradient)  # ten times what carries the papers' lr from lr to 0
    settings = dataclasses.replace(probe, lr_lr=absurd)
    state = run(MTT(settings, make_context("plain")), 1)[1]
    assert lr - absurd * abs(gradient) < 0
    learned = float(state.log_lr.exp())
    assert math.isfinite(learned) and learned > 0
    expected = -10 if gradient > 0 else 10
    assert math.log(learned / lr) == pytest.approx(expected, rel=1e-4)


# What becomes the set


def test_ftd_averages_the_iterates_without_the_initial_images(make_context):
    """The published average begins at the initial images and keeps them with weight d^T: 0.61 with the paper's."""
    settings = FTDSettings(**TINY, ema_decay=0.7, lr_img=5.0)
    method = FTD(settings, make_context("flat"))
    states = run(method, 5)
    iterates = torch.stack([state.images.double() for state in states[1:]])
    weights = torch.tensor([0.7**4, 0.7**3, 0.7**2, 0.7, 1.0], dtype=torch.float64).view(5, 1, 1, 1, 1)
    expected = (weights * iterates).sum(0) / weights.sum()
    synthetic = method.finish(states[-1])
    torch.testing.assert_close(synthetic.images.double(), expected, rtol=1e-5, atol=1e-6)
    assert not torch.equal(synthetic.images, states[-1].images)
    assert torch.equal(method.finish(states[0]).images, states[0].images)
    assert synthetic.facts.lr == pytest.approx(float(states[-1].log_lr.exp()))


def test_mtt_returns_the_last_iterate(make_context):
    method = MTT(MTTSettings(**TINY), make_context("plain"))
    state = run(method, 3)[-1]
    synthetic = method.finish(state)
    assert torch.equal(synthetic.images, state.images)
    assert synthetic.facts.lr == pytest.approx(float(state.log_lr.exp()))


def test_ftd_is_mtt_apart_from_its_average(make_context):
    context = make_context("flat")
    mtt, ftd = run(MTT(MTTSettings(**TINY), context), 3), run(FTD(FTDSettings(**TINY), context), 3)
    assert torch.equal(mtt[-1].images, ftd[-1].images)


@pytest.mark.parametrize("pix_init", ["real", "noise", "herding", "kmeans"])
def test_initial_images(make_context, real, pix_init):
    state = MTT(MTTSettings(**TINY, pix_init=pix_init), make_context("plain")).init()
    assert state.images.shape == (6, 1, 8, 8)
    found = [(real.train.images == image).flatten(1).all(1).nonzero().flatten().tolist() for image in state.images]
    if pix_init == "noise":
        assert not any(found)
    else:
        assert [int(real.train.labels[rows[0]]) for rows in found] == [0, 0, 1, 1, 2, 2]


# DATM's updates


DATM_TINY = {**TINY, "teacher_epoch": 3, "lr_img": 1.0}


def test_labels_move_as_under_torch_sgd(make_context, monkeypatch):
    """Logits, not probabilities, are what is learned, with momentum 0.9; the set holds their softmax."""
    kept, grad = [], torch.autograd.grad

    def spy(outputs, inputs, *arguments, **options):
        found = grad(outputs, inputs, *arguments, **options)
        if isinstance(inputs, tuple) and len(inputs) == 3 and inputs[1].dim() == 0:
            kept.append(found[2])
        return found

    monkeypatch.setattr(torch.autograd, "grad", spy)
    method = DATM(DATMSettings(**DATM_TINY, lr_y=2.0, threshold=None), make_context("flat"))
    states = run(method, 4)
    logits = states[0].logits.clone().requires_grad_()
    optimiser = torch.optim.SGD([logits], lr=2.0, momentum=0.9)
    assert len(kept) == 4
    for state, gradient in zip(states[1:], kept, strict=True):
        assert gradient.abs().max() > 0
        logits.grad = gradient
        optimiser.step()
        torch.testing.assert_close(state.logits, logits.detach(), rtol=1e-6, atol=1e-6)
    synthetic = method.finish(states[-1])
    torch.testing.assert_close(synthetic.soft_labels, states[-1].logits.softmax(1))
    assert synthetic.labels.tolist() == [0, 0, 1, 1, 2, 2]


def test_one_step_of_learned_labels_by_hand(make_context):
    """The labels' gradient is that of the reference unroll through the softmax, in float64."""
    context = make_context("flat", augment="")
    method = DATM(DATMSettings(**DATM_TINY, threshold=None, lr_teacher=0.05), context)
    before, after = run(method, 1)
    generator = torch.Generator()
    generator.set_state(before.rng)
    expert, start = (int(torch.randint(high, (), generator=generator)) for high in (2, 2))
    theta = [context.trajectories.row(expert, epoch).double() for epoch in (start, start + 2)]
    logits = before.logits.double().requires_grad_()
    batches, lr = before.images.double().expand(3, -1, -1, -1, -1), torch.tensor(0.05, dtype=torch.float64)
    labels = logits.softmax(1).expand(3, -1, -1)
    loss = matching_loss(context.net, *theta, batches, labels, lr, engine="reference")
    (gradient,) = torch.autograd.grad(loss, logits)
    torch.testing.assert_close(after.logit_velocity.double(), gradient, rtol=1e-3, atol=1e-6)


def test_a_loss_above_the_threshold_changes_nothing_but_the_draws(make_context):
    context = make_context("flat")
    losses = []
    free = DATM(DATMSettings(**DATM_TINY, threshold=None), context)
    state = free.init()
    for _ in range(6):
        state, metrics = free.step(state)
        losses.append(float(metrics["loss"]))
    held = DATM(DATMSettings(**DATM_TINY, threshold=min(losses) / 2), context)
    before, after = run(held, 1)
    for name in ("images", "log_lr", "logits", "image_velocity", "lr_velocity", "logit_velocity"):
        assert torch.equal(getattr(before, name), getattr(after, name)), name
    assert after.iteration == 1 and not torch.equal(before.rng, after.rng)
    _, metrics = held.step(before)
    assert float(metrics["skipped"]) == 1
    _, metrics = DATM(DATMSettings(**DATM_TINY, threshold=2 * losses[0]), context).step(before)
    assert float(metrics["skipped"]) == 0
