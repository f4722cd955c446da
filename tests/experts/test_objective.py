"""The loss that makes experts smooth: the penalty against finite differences, the warm-up against the paper's numbers,
and a whole step against plain PyTorch."""

import pytest
import torch
import torch.nn.functional as F

from ddkit.data import DSA
from ddkit.experts import train_expert
from ddkit.experts.flat import FlatExperts
from ddkit.experts.objective import penalty_and_gradient, penalty_and_gradient_of_many, penalty_of
from ddkit.experts.plain import PlainExperts
from ddkit.experts.smooth import SmoothExperts
from ddkit.nets import FlatNet, parse_net
from ddkit.randomness import stream
from ddkit.steps.autograd import AutogradStep
from ddkit.task import Task

SMOOTH_NET = "convnet(depth=1, width=3, act=sigmoid)"
"""Without kinks, so that finite differences converge."""


@pytest.fixture
def problem():
    """(net, theta, images [5, 2, 8, 8]) in float64: two channels, so that the two norms differ."""
    net = FlatNet(parse_net(SMOOTH_NET), (2, 8, 8), 3)
    draw = torch.Generator().manual_seed(0)
    return net, net.init(draw, torch.float64), torch.randn(5, 2, 8, 8, generator=draw, dtype=torch.float64)


def penalty(net, theta, images, norm):
    """By one call of autograd."""
    x = images.detach().requires_grad_()
    return penalty_of(torch.autograd.grad(net(theta, x).sum(), x)[0], norm)


def slope_by_differences(net, theta, images, h=1e-5):
    """d (sum of all logits) / d images, one pixel after another."""
    slope = torch.zeros_like(images)
    for i in range(images.numel()):
        step = torch.zeros(images.numel(), dtype=images.dtype)
        step[i] = h
        step = step.view_as(images)
        slope.view(-1)[i] = (net(theta, images + step).sum() - net(theta, images - step).sum()) / (2 * h)
    return slope


@pytest.mark.parametrize("norm", ["pixel", "sample"])
def test_the_penalty_is_that_of_finite_differences(problem, norm):
    slope = slope_by_differences(*problem)
    lengths = slope.norm(dim=1) if norm == "pixel" else slope.flatten(1).norm(dim=1)
    assert lengths.shape == ((5, 8, 8) if norm == "pixel" else (5,))
    expected = ((lengths - 1) ** 2).mean()
    assert float(penalty(*problem, norm)) == pytest.approx(float(expected), rel=1e-8)


def test_the_two_norms_are_different_penalties(problem):
    pixel, sample = (float(penalty(*problem, norm)) for norm in ("pixel", "sample"))
    assert abs(pixel - sample) > 0.01 * max(pixel, sample)


@pytest.mark.parametrize("norm", ["pixel", "sample"])
def test_its_gradient_is_that_of_finite_differences(problem, norm):
    net, theta, images = problem
    value, gradient = penalty_and_gradient(AutogradStep(net, torch.float64), theta, images, norm)
    assert float(value) == pytest.approx(float(penalty(net, theta, images, norm)))
    torch.testing.assert_close(penalty_and_gradient_of_many(net, theta, images, norm), (value, gradient))
    draw = torch.Generator().manual_seed(1)
    for _ in range(5):
        along = torch.randn(len(theta), generator=draw, dtype=torch.float64)
        h = 1e-6
        there, back = (float(penalty(net, theta + sign * h * along, images, norm)) for sign in (1, -1))
        assert float(gradient @ along) == pytest.approx((there - back) / (2 * h), rel=1e-6)
    assert gradient.norm() > 1e-3


@pytest.mark.parametrize("norm", ["pixel", "sample"])
def test_a_flat_region_gives_no_nan(norm):
    """A dead ReLU network has slope 0 everywhere, where the length has no derivative."""
    net = FlatNet(parse_net("convnet(depth=1, width=3, norm=none)"), (1, 4, 4), 2)
    theta = torch.zeros(net.parameters)
    images = torch.ones(2, 1, 4, 4)
    for value, gradient in (
        penalty_and_gradient(AutogradStep(net, torch.float32), theta, images, norm),
        penalty_and_gradient_of_many(net, theta, images, norm),
    ):
        assert float(value) == 1 and bool(gradient.isfinite().all())


def test_the_loss_warms_up_as_in_the_paper():
    settings = SmoothExperts()
    scales = [settings.loss_scale(epoch) for epoch in range(12)]
    expected = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0, 1.0]
    assert scales == pytest.approx(expected, abs=1e-12)
    assert [PlainExperts().loss_scale(epoch) for epoch in range(3)] == [1, 1, 1]


def test_the_lr_decays_once():
    settings = SmoothExperts(lr=0.5, lr_decay_epoch=2)
    assert [settings.lr_in(epoch) for epoch in range(4)] == [0.5, 0.5, 0.3, 0.3]
    assert FlatExperts().lr_in(99) == 0.01


@pytest.mark.parametrize("augment", ["", "color_crop_scale"])
def test_smooth_experts_by_plain_pytorch(real, augment):
    """Warm-up, penalty, momentum, weight decay and lr decay together, over three epochs of one batch each."""
    net = FlatNet(parse_net(SMOOTH_NET), (1, 8, 8), 3)
    settings = SmoothExperts(batch=1000, lr=0.05, lr_decay_epoch=2, warmup=0.4, warmup_epochs=2, penalty=0.7)
    dsa, generator = DSA(augment), stream(0, "expert", 0)
    found = [theta for theta, _ in train_expert(Task(real, net, dsa), settings, 3, stream(0, "expert", 0))]

    theta = net.init(generator).double().requires_grad_()
    sgd = torch.optim.SGD([theta], lr=0.05, momentum=0.9, weight_decay=1e-3)
    for epoch, scale in enumerate((0.4, 0.7, 1.0)):
        if epoch == 2:
            sgd.param_groups[0]["lr"] = 0.6 * 0.05
        order = torch.randperm(len(real.train), generator=generator)
        plain, y = real.train.images[order], real.train.labels[order]
        augmented = dsa.apply(plain[None], dsa.sample(generator, 1, len(order), (8, 8)))[0]
        x = plain.double().requires_grad_()
        (slope,) = torch.autograd.grad(net(theta, x).sum(), x, create_graph=True)
        penalty = (slope.norm(dim=1) - 1).square().mean()
        loss = scale * F.cross_entropy(net(theta, augmented.double()), y) + 0.7 * penalty
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        torch.testing.assert_close(found[epoch + 1].double(), theta.detach(), rtol=1e-4, atol=1e-6)
    assert (found[3] - found[0]).norm() > 0.05
