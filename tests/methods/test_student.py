"""AST's student: each piece against its formula, and all of them together against the whole autograd graph."""

import math

import pytest
import torch

from ddkit.errors import RecipeError
from ddkit.methods.ast import AST, ASTSettings
from ddkit.methods.mtt import MTT, MTTSettings
from ddkit.methods.student import balance, perturbed
from ddkit.nets import FlatNet, cross_entropy, parse_net
from ddkit.randomness import stream

TINY = {"iterations": 6, "syn_steps": 4, "expert_epochs": 2, "max_start_epoch": 2, "ipc": 2}


def test_only_convolutions_are_perturbed_and_by_their_own_weights():
    net = FlatNet(parse_net("convnet(depth=2, width=3)"), (1, 8, 8), 3)
    theta = net.init(stream(0, "net"), torch.float64)
    found = net.unflatten(perturbed(net, theta, 0.5, stream(1, "noise")))
    for name, weight in net.unflatten(theta).items():
        if weight.ndim != 4:
            assert torch.equal(found[name], weight)
            continue
        direction = (found[name] - weight) / (0.5 * weight)  # d / |d|_F: of length 1
        assert float(direction.norm()) == pytest.approx(1, rel=1e-9)
        assert direction.abs().min() > 0


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (10, math.log(8) / math.log(5)),
        (14, math.log(12) / math.log(5)),
        (9, math.log(5) / math.log(9)),
        (0, math.log(5) / math.log(18)),
    ],
)
def test_the_balance_of_twenty_start_epochs(start, expected):
    assert balance(start, 20) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("none", []), ("agg", [(6, 1, 1.0), (12, 2, 1.0)]), ("adaptive", [(6, 1, 1 / 3), (12, 2, 2 / 3)])],
)
def test_the_middle_points_of_twenty_steps_over_three_epochs(kind, expected):
    assert MTTSettings(syn_steps=20, expert_epochs=3, middle_loss=kind).middle_points() == expected


def test_too_few_steps_for_the_middle_are_one_line():
    with pytest.raises(RecipeError, match=r"got 2 // 3 = 0; raise syn_steps"):
        MTTSettings(syn_steps=2, expert_epochs=3, middle_loss="agg")


def by_hand(method, state, context, settings):
    """AST's loss and gradients by one autograd graph in float64, from the draws that the method will make."""
    generator = torch.Generator()
    generator.set_state(state.rng)
    expert, start = (int(torch.randint(high, (), generator=generator)) for high in (2, settings.max_start_epoch))
    rows = [context.trajectories.row(expert, start + k).double() for k in range(settings.expert_epochs + 1)]
    pieces = []
    for weight in context.net.unflatten(rows[0]).values():
        if weight.ndim == 4:
            d = torch.randn(weight.shape, generator=generator).double()
            weight = weight + settings.weight_perturb * d / d.norm() * weight
        pieces.append(weight.flatten())
    begin = torch.cat(pieces)
    images = state.images.double().requires_grad_()
    log_lr = torch.tensor(math.log(settings.lr_teacher), dtype=torch.float64, requires_grad=True)
    labels = context.labels(settings.ipc)
    m = settings.max_start_epoch // 2
    factor = math.log(start - m + 8, 5) if start >= m else 1 / math.log(m - start + 8, 5)
    theta, velocity, loss = begin.clone().requires_grad_(), torch.zeros_like(begin), torch.zeros(())
    for step in range(1, settings.syn_steps + 1):
        objective = factor * cross_entropy(context.net(theta, images), labels)
        (gradient,) = torch.autograd.grad(objective, theta, create_graph=True)
        velocity = settings.syn_momentum * velocity + gradient
        theta = theta - log_lr.exp() * velocity
        stride = settings.syn_steps // settings.expert_epochs
        k = step // stride
        if step % stride == 0 and k < settings.expert_epochs:
            loss = loss + (theta - rows[k]).square().sum() / (begin - rows[k]).square().sum()
    loss = loss + (theta - rows[-1]).square().sum() / (begin - rows[-1]).square().sum()
    return loss, torch.autograd.grad(loss, (images, log_lr))


@pytest.mark.parametrize("seed", range(3))
def test_an_iteration_of_ast_by_hand(make_context, seed):
    """Momentum, balanced loss, perturbed start and intermediate matching at once."""
    context = make_context("smooth", seed=seed, augment="")
    settings = ASTSettings(**TINY, lr_img=1e-3, lr_lr=1e-4, lr_teacher=0.05, teacher_epoch=3)
    method = AST(settings, context)
    before = method.init()
    loss, (image_gradient, lr_gradient) = by_hand(method, before, context, settings)
    after, metrics = method.step(before)
    assert float(metrics["loss"]) == pytest.approx(float(loss.detach()), rel=1e-4)
    torch.testing.assert_close(after.image_velocity.double(), image_gradient, rtol=1e-3, atol=1e-5)
    assert float(after.lr_velocity) == pytest.approx(float(lr_gradient), rel=1e-3)


def test_with_every_piece_off_ast_is_mtt(make_context):
    context = make_context("plain")
    off = {"pix_init": "real", "syn_momentum": 0.0, "weight_perturb": 0.0, "balance_loss": False, "middle_loss": "none"}
    states = []
    for method in (AST(ASTSettings(**TINY, **off), context), MTT(MTTSettings(**TINY), context)):
        state = method.init()
        for _ in range(3):
            state, _ = method.step(state)
        states.append(state)
    assert torch.equal(states[0].images, states[1].images) and torch.equal(states[0].log_lr, states[1].log_lr)


PIECES = {
    "syn_momentum": 0.5,
    "weight_perturb": 1.0,
    "balance_loss": True,
    "middle_loss": "adaptive",
    "min_start_epoch": 1,
    "threshold": 0.01,
    "soft_labels": True,
    "pix_init": "representative",
}


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("name", ["mtt", "ftd"])
def test_each_piece_can_be_switched_on_alone_and_changes_the_run(make_context, name, piece):
    from ddkit.methods import method_class

    cls, ends = method_class(name), []
    for settings in ({}, {piece: PIECES[piece]}):
        method = cls(cls.settings_class(**TINY, lr_img=1.0, **settings), make_context(cls.settings_class.expert_kind))
        state = method.init()
        for _ in range(4):
            state, _ = method.step(state)
        ends.append(method.finish(state))
    assert bool(ends[1].images.isfinite().all()) and not torch.equal(ends[0].images, ends[1].images)
