"""What is matched: each setting's loss and gradients against its formula, by one autograd graph in float64."""

import dataclasses

import pytest
import torch

from ddkit.errors import RecipeError
from ddkit.methods.mtt import MTT, MTTSettings
from ddkit.methods.student import balance
from ddkit.nets import cross_entropy

TINY = {"iterations": 4, "syn_steps": 4, "expert_epochs": 2, "max_start_epoch": 2, "ipc": 2, "batch_syn": 6}
DEFAULTS = {"match": "last", "gradient": "exact", "skip_shallow": 0.0, "largest": 1.0, "trajectories": 1}


def in_doubles(method):
    state = method.init()
    return dataclasses.replace(state, log_lr=state.log_lr.double(), lr_velocity=state.lr_velocity.double())


def weights_by_hand(settings, squares):
    """PAD's mask of the first parameters, then EDF's of those that miss least among the rest, one by one."""
    first = int(len(squares) * settings.skip_shallow)
    ranked = sorted(range(first, len(squares)), key=lambda p: -float(squares[p]))
    kept = ranked[: round(settings.largest * len(ranked))]
    return torch.tensor([float(p in set(kept)) for p in range(len(squares))], dtype=torch.float64)


def walk_by_hand(context, settings, expert, start, images, lr):
    """The loss of one walk on all images in every batch."""
    begin, target = (context.trajectories.row(expert, epoch) for epoch in (start, start + settings.expert_epochs))
    if settings.balance_loss:
        lr = lr * balance(start, settings.max_start_epoch)
    theta, iterates = begin.clone().requires_grad_(), []
    for _ in range(settings.syn_steps):
        at = theta.detach().requires_grad_() if settings.gradient == "detached" else theta
        objective = cross_entropy(context.net(at, images), context.labels(settings.ipc))
        theta = theta - lr * torch.autograd.grad(objective, at, create_graph=True)[0]
        iterates.append(theta)
    distances = [float((one - target).detach().abs().sum()) for one in iterates]
    end = iterates[distances.index(min(distances))] if settings.match == "nearest" else theta
    weights = weights_by_hand(settings, (end - target).detach().square())
    return (weights * (end - target).square()).sum() / (weights * (begin - target).square()).sum(), end is theta


def by_hand(context, settings, state):
    """(loss, d images, d log lr, whether every walk was matched at its end), from the draws that the step will make."""
    generator = torch.Generator()
    generator.set_state(state.rng)
    images, log_lr = state.images.clone().requires_grad_(), state.log_lr.clone().requires_grad_()
    walks = []
    for _ in range(settings.trajectories):
        expert, start = (int(torch.randint(2, (), generator=generator)) for _ in range(2))
        context.dsa.sample(generator, settings.syn_steps, len(images), (8, 8))  # no augmentation, but draws
        walks.append(walk_by_hand(context, settings, expert, start, images, log_lr.exp()))
    loss = sum(value for value, _ in walks) / len(walks)
    return loss, *torch.autograd.grad(loss, (images, log_lr)), all(last for _, last in walks)


def same(context, **given):
    """Hold one step to the formula; returns what the formula gives."""
    settings = MTTSettings(**TINY | {"lr_img": 1.0, "lr_lr": 1e-4, "lr_teacher": 2.0} | given)
    method = MTT(settings, context)
    state = in_doubles(method)
    loss, image_gradient, lr_gradient, last = by_hand(context, settings, state)
    after, metrics = method.step(state)
    assert after.images.dtype == torch.float64 and image_gradient.norm() > 0
    torch.testing.assert_close(metrics["loss"], loss.detach(), rtol=1e-10, atol=0)
    torch.testing.assert_close(after.image_velocity, image_gradient, rtol=1e-8, atol=1e-10)
    torch.testing.assert_close(after.lr_velocity, lr_gradient, rtol=1e-8, atol=1e-10)
    return float(loss.detach()), image_gradient, last


CHOICES = {
    "nothing": {},
    "ATT": {"match": "nearest"},
    "TESLA": {"gradient": "detached"},
    "PAD": {"skip_shallow": 0.5},
    "EDF": {"largest": 0.75},
    "PAD's and EDF's": {"skip_shallow": 0.25, "largest": 0.5},
    "three walks": {"trajectories": 3},
    "three walks of balanced losses": {"trajectories": 3, "balance_loss": True, "max_start_epoch": 2},
    "all": {"match": "nearest", "gradient": "detached", "skip_shallow": 0.25, "largest": 0.5, "trajectories": 2},
}


@pytest.mark.parametrize("engine", ["adjoint", "reference"])
@pytest.mark.parametrize("name", CHOICES)
def test_a_step_is_the_formulas(name, engine, in_float64):
    context = in_float64()
    plain, ours = same(context), same(context, engine=engine, **CHOICES[name])
    if name != "nothing":
        assert float((plain[1] - ours[1]).norm()) > 1e-3 * float(plain[1].norm()), "the setting changed nothing"
    if "match" in CHOICES[name]:
        assert not ours[2], "the nearest iterate is the last: nothing was chosen"


def test_a_detached_gradient_has_the_exact_loss(in_float64):
    exact, detached = (same(in_float64(), gradient=kind) for kind in ("exact", "detached"))
    assert exact[0] == detached[0]


@pytest.mark.parametrize("soft", [False, True])
def test_walks_meet_the_middle_of_their_own_experts(soft, in_float64):
    """Two walks at once move the images by the mean of what each would, with intermediate losses and soft labels."""
    context = in_float64()
    given = TINY | {"middle_loss": "agg", "soft_labels": soft, "lr_img": 1.0, "lr_teacher": 0.5}
    one, two = (MTT(MTTSettings(**given, trajectories=count), context) for count in (1, 2))
    begin = in_doubles(one)
    first, _ = one.step(begin)
    second, _ = one.step(dataclasses.replace(begin, rng=first.rng))
    both, _ = two.step(begin)
    for name in ("image_velocity", "lr_velocity", "logit_velocity"):
        expected = (getattr(first, name) + getattr(second, name)) / 2
        torch.testing.assert_close(getattr(both, name), expected, rtol=1e-9, atol=1e-12)
    assert torch.equal(both.rng, second.rng)
    assert not torch.equal(first.image_velocity, second.image_velocity)


def test_the_defaults_are_those_of_mtt():
    settings = MTTSettings(**TINY)
    assert {name: getattr(settings, name) for name in DEFAULTS} == DEFAULTS


@pytest.mark.parametrize("share", [0.999999, 1 - 2**-53])
def test_one_parameter_at_least_is_matched(share, in_float64):
    method = MTT(MTTSettings(**TINY, skip_shallow=share), in_float64())
    _, metrics = method.step(in_doubles(method))
    assert bool(metrics["loss"].isfinite())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"match": "nearst"}, "'match': must be one of last, nearest, got 'nearst'"),
        ({"gradient": "tesla"}, "'gradient': must be one of exact, detached"),
        ({"largest": 0.0}, "'largest': must be a number above 0 and at most 1"),
        ({"largest": 1.5}, "'largest': must be a number above 0 and at most 1"),
        ({"skip_shallow": 1.0}, "'skip_shallow': must be a number of at least 0 and below 1"),
        ({"trajectories": 0}, "'trajectories': must be an integer of at least 1"),
    ],
)
def test_what_cannot_be_matched_is_one_line(given, words):
    with pytest.raises(RecipeError, match=words):
        MTTSettings(**given)
