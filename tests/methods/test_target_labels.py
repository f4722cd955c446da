"""Labels of the target (TESLA), against the formula by one autograd graph in float64; presets of the family."""

import dataclasses
import warnings

import pytest
import torch

from ddkit.errors import DDKitWarning, RecipeError
from ddkit.methods import initial_by_experts
from ddkit.methods.att import ATTSettings
from ddkit.methods.batches import draw_batches
from ddkit.methods.edf import EDFSettings
from ddkit.methods.mtt import MTT, MTTSettings
from ddkit.methods.pad import PADSettings
from ddkit.methods.tesla import TESLA, TESLASettings
from ddkit.nets import cross_entropy

TINY = {"iterations": 4, "syn_steps": 3, "expert_epochs": 1, "max_start_epoch": 2, "ipc": 2, "lr_teacher": 0.5}
LABELS = {"soft_labels": True, "target_labels": True}


def drawn(state, count):
    """(expert, start, batches [3, count]) of the next step's student."""
    generator = torch.Generator()
    generator.set_state(state.rng)
    expert, start = (int(torch.randint(2, (), generator=generator)) for _ in range(2))
    return expert, start, draw_batches(len(state.images), count, 3, generator)


@pytest.mark.parametrize("fyi", [False, True])
def test_a_step_is_that_of_fixed_labels_which_the_target_predicts(fyi, in_float64):
    context = in_float64()
    method = MTT(MTTSettings(**TINY, **LABELS, fyi=fyi), context)
    state = method.init()
    state = dataclasses.replace(state, log_lr=state.log_lr.double(), lr_velocity=state.lr_velocity.double())
    expert, start, batches = drawn(state, len(state.images) // (2 if fyi else 1))
    begin, target = (context.trajectories.row(expert, start + k) for k in (0, 1))
    views = torch.cat([state.images, state.images.flip(3)]) if fyi else state.images
    logits = context.net(target, views)
    if fyi:
        logits = (logits[: len(state.images)] + logits[len(state.images) :]) / 2
    labels = logits.detach().softmax(1)
    images = state.images.clone().requires_grad_()
    theta = begin.clone().requires_grad_()
    for rows in batches:
        seen = torch.cat([images[rows], images[rows].flip(3)]) if fyi else images[rows]
        wanted = torch.cat([labels[rows], labels[rows]]) if fyi else labels[rows]
        loss = cross_entropy(context.net(theta, seen), wanted)
        theta = theta - 0.5 * torch.autograd.grad(loss, theta, create_graph=True)[0]
    distance = (theta - target).square().sum() / (begin - target).square().sum()
    (gradient,) = torch.autograd.grad(distance, images)

    after, metrics = method.step(state)

    torch.testing.assert_close(metrics["loss"], distance.detach(), rtol=1e-10, atol=0)
    torch.testing.assert_close(after.image_velocity, gradient, rtol=1e-8, atol=1e-10)
    torch.testing.assert_close(after.logits, logits.detach(), rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(method.finish(after).soft_labels, labels, rtol=1e-6, atol=1e-6, check_dtype=False)


def test_no_expert_labels_images_before_the_first_target(monkeypatch, in_float64):
    context, labelled, predicted = in_float64(), [], initial_by_experts.logits_of
    monkeypatch.setattr(initial_by_experts, "logits_of", lambda *given: labelled.append(1) or predicted(*given))
    method = MTT(MTTSettings(**TINY, **LABELS), context)
    state = method.init()
    assert not labelled
    begun = method.finish(state)
    assert torch.equal(begun.soft_labels.argmax(1), begun.labels) and set(begun.soft_labels.unique().tolist()) == {0, 1}
    by_experts = MTT(MTTSettings(**TINY, soft_labels=True), context).init()
    assert len(labelled) == context.trajectories.count
    (one, _), (two, _) = method.step(state), method.step(dataclasses.replace(state, logits=by_experts.logits))
    assert torch.equal(one.images, two.images) and torch.equal(one.logits, two.logits)  # as when experts labelled them


def test_a_run_whose_targets_label_the_images_needs_no_expert_for_them(in_float64):
    """teacher_epoch trains no expert for longer, and the images may begin as noise, which the targets label."""
    settings = TESLASettings(**TINY, teacher_epoch=50, pix_init="noise")
    assert settings.reads_epochs == settings.last_matched == 2
    assert dataclasses.replace(settings, pix_init="representative").reads_epochs == 50
    method = MTT(settings, in_float64())
    after, metrics = method.step(method.init())
    assert metrics["loss"].isfinite() and after.logits.softmax(1).max() < 1
    with pytest.raises(RecipeError, match="experts cannot label noise"):
        MTTSettings(**TINY, soft_labels=True, pix_init="noise")


def test_a_skipped_iteration_leaves_the_labels_alone(in_float64):
    method = MTT(MTTSettings(**TINY, **LABELS, threshold=1e-9), in_float64())
    state = method.init()
    after, metrics = method.step(state)
    assert metrics["skipped"] == 1 and torch.equal(after.logits, state.logits)


def test_labels_that_have_left_classes_are_a_warning(in_float64):
    method = TESLA(TESLASettings(**TINY), in_float64())
    state = method.init()
    with warnings.catch_warnings():
        warnings.simplefilter("error", DDKitWarning)
        method.finish(state)
    one, most = torch.zeros_like(state.logits), state.logits.clone()
    one[:, 0] = 1
    most[:, 0] = -1
    for logits, named in ((one, "1 of 3"), (most, "2 of 3")):
        with pytest.warns(DDKitWarning, match=rf"labels name {named} classes; .*set method.target_labels=false"):
            method.finish(dataclasses.replace(state, logits=logits))


@pytest.mark.parametrize(
    ("given", "words"),
    [({"soft_labels": False}, "method.soft_labels=true"), ({"lr_y": 2.0}, "set method.lr_y=0, now 2")],
)
def test_two_sources_of_labels_are_refused(given, words):
    with pytest.raises(RecipeError, match=words):
        MTTSettings(**TINY, **LABELS | given)


def test_each_member_of_the_family_is_its_relative_with_its_papers_pieces():
    """The pieces themselves are held against their formulas by test_matching.py, test_curriculum.py and this file."""
    pieces = {
        ATTSettings: {"match": "nearest"},
        PADSettings: {"skip_shallow": 0.25},
        EDFSettings: {"largest": 0.75, "threshold": 1.5},
        TESLASettings: {"gradient": "detached", "soft_labels": True, "target_labels": True, "iterations": 10_000},
    }
    for cls, changed in pieces.items():
        parent = cls.__mro__[1]
        own, theirs = (dataclasses.asdict(one(ipc=1)) for one in (cls, parent))
        assert {name: value for name, value in own.items() if value != theirs[name]} == changed
    assert [cls.expert_kind for cls in pieces] == ["flat", "curriculum", "flat", "plain"]
