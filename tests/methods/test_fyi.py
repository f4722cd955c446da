"""FYI: three identities in float64, for every method that learns images, and what the set says of itself."""

import dataclasses

import pytest
import torch
from kornia.geometry.transform import hflip

from ddkit.data import DSA
from ddkit.methods import method_class
from ddkit.methods.initial_by_experts import initial_logits
from ddkit.methods.table import IMAGE_METHODS
from ddkit.methods.trajectory_settings import TrajectorySettings
from ddkit.steps import step_for

TINY = {"iterations": 4, "syn_steps": 2, "expert_epochs": 1, "max_start_epoch": 2, "outer_loop": 2, "inner_loop": 2}
TINY |= {"batch_real": 5, "batch_syn": 4, "teacher_epoch": 2, "lr_img": 0.5, "batch_train": 4}

LEARNING = [
    name
    for name in IMAGE_METHODS
    if "fyi" in {field.name for field in dataclasses.fields(method_class(name).settings_class)}
    and name not in ("infer", "sre2l")  # what they recover from teachers: test_recovery.py
]
TRAJECTORY = [name for name in LEARNING if issubclass(method_class(name).settings_class, TrajectorySettings)]


def make(name: str, context, **settings):
    cls = method_class(name)
    known = {field.name for field in dataclasses.fields(cls.settings_class)}
    tiny = {key: value for key, value in (TINY | settings).items() if key in known}
    return cls(cls.settings_class(**tiny), context)


def after_one_step(method):
    state, metrics = method.step(method.init())
    return state.images, metrics["loss"]


def test_all_methods_that_learn_images_wear_it():
    assert {"mtt", "ftd", "ast", "datm", "best", "dc", "dsa", "dm"} <= set(LEARNING)


@pytest.mark.parametrize("name", LEARNING)
def test_with_the_identity_for_a_flip_it_is_its_host(name, in_float64, monkeypatch):
    """Twice the same image is the same image: means over a batch do not see it. Trajectory methods halve their batch,
    so that theirs is the host with half of it."""
    monkeypatch.setattr("ddkit.methods.fyi.mirrored", lambda images: images)
    context = in_float64()
    halved = {"batch_syn": 2} if name in TRAJECTORY else {}
    fyi, host = make(name, context, ipc=2, fyi=True), make(name, context, ipc=2, **halved)
    one, other = fyi.init(), host.init()
    assert not hasattr(one, "logits") or torch.equal(one.logits, other.logits)
    # dc's second step sees what its inner loop made of the network; others draw once for each image of a batch
    for _ in range(2 if name in ("dc", "dm") else 1):
        (new, metrics), (other, expected) = fyi.step(one), host.step(other)
        assert not torch.equal(new.images, one.images)
        one = new
        torch.testing.assert_close(one.images, other.images, rtol=0, atol=1e-12)
        torch.testing.assert_close(metrics["loss"], expected["loss"], rtol=1e-12, atol=0)
        if name == "datm":  # labels are shared, so that both orientations' gradients reach them
            assert not torch.equal(new.logits, fyi.init().logits)
            torch.testing.assert_close(one.logits, other.logits, rtol=0, atol=1e-12)


def test_labels_begin_at_the_mean_of_both_orientations(in_float64):
    """What the experts say of an image and of its mirror image: a set and its mirror image begin alike."""
    context = in_float64()
    method = make("datm", context, ipc=2, fyi=True)
    state, labels = method.init(), torch.arange(3).repeat_interleave(2)
    predicted = [
        initial_logits(context, context.trajectories, 2, images, labels)
        for images in (state.images, hflip(state.images))
    ]
    assert (predicted[0] - predicted[1]).abs().max() > 1e-4
    torch.testing.assert_close(state.logits, sum(predicted) / 2, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", LEARNING)
def test_with_a_flip_it_is_not(name, in_float64):
    context = in_float64()
    halved = {"batch_syn": 2} if name in TRAJECTORY else {}
    images, _ = after_one_step(make(name, context, ipc=2, fyi=True))
    expected, _ = after_one_step(make(name, context, ipc=2, **halved))
    assert (images - expected).abs().max() > 1e-6


def test_the_inner_loop_sees_both_orientations(in_float64):
    """One step on the whole set: the mean of the gradients of a set and of its mirror images."""
    context = in_float64()
    method = make("dc", context, ipc=2, fyi=True, inner_loop=1, batch_train=6, lr_net=0.3)
    state = method.init()
    new, _ = method.step(state)
    step, labels = step_for(context.net, state.theta), torch.arange(3).repeat_interleave(2)
    gradients = [step.gradient(state.theta, images, labels).theta for images in (new.images, hflip(new.images))]
    torch.testing.assert_close(new.theta, state.theta - 0.3 * sum(gradients) / 2, rtol=0, atol=1e-12)
    assert (gradients[0] - gradients[1]).abs().max() > 1e-4


@pytest.mark.parametrize(("name", "times"), [("mtt", 1), ("datm", 1), ("dsa", 3 + 2 * 2), ("dm", 3)])
def test_images_are_mirrored_before_they_are_augmented(name, times, in_float64, monkeypatch):
    """What reaches the augmentation are pairs of mirror images, in dsa's inner loop too; real images come by fives."""
    seen = []
    apply = DSA.apply
    monkeypatch.setattr(DSA, "apply", staticmethod(lambda x, params: seen.append(x) or apply(x, params)))
    method = make(name, in_float64(augment="color_crop"), ipc=2, fyi=True)
    method.step(method.init())
    synthetic = [batches for batches in seen if batches.shape[1] != 5]
    assert len(synthetic) == times
    for batches in synthetic:
        one, other = batches.chunk(2, 1)
        assert torch.equal(one, hflip(other)) and not torch.equal(one, other)


@pytest.mark.parametrize("name", ["dc", "dsa", "dm"])
@pytest.mark.parametrize("augment", ["", "crop"])
@pytest.mark.parametrize("net", ["convnet(depth=1, width=4)", "convnet(depth=1, width=4, norm=batch)"])
def test_a_set_and_its_mirror_images_are_one_set(name, net, augment, in_float64):
    """The loss is the same, and the images' steps are each other's mirror images. A batch that is not laid out class by
    class would mix classes under batch norm, and the published code cannot run DM there."""
    method = make(name, in_float64(net, augment), ipc=2, fyi=True)
    state = method.init()
    flipped = dataclasses.replace(state, images=hflip(state.images))
    (one, loss), (two, same) = method.step(state), method.step(flipped)
    torch.testing.assert_close(loss["loss"], same["loss"], rtol=1e-12, atol=0)
    torch.testing.assert_close(one.images, hflip(two.images), rtol=0, atol=1e-12)
    assert (one.images - state.images).abs().max() > 1e-6


def flip_invariant(in_float64):
    """A network that does not see flips: symmetric kernels, and pooling down to one pixel."""
    context = in_float64("convnet(depth=3, width=4)")
    net, plain = context.net, context.net.init

    def symmetric(generator, dtype=torch.float32):
        views = net.unflatten(plain(generator, dtype)).values()
        return torch.cat([((v + v.flip(-1)) / 2 if v.ndim == 4 else v).flatten() for v in views])

    net.init = symmetric
    return context


def test_a_network_that_sees_no_flips_learns_nothing_from_them(in_float64):
    context = flip_invariant(in_float64)
    images, loss = after_one_step(make("dm", context, ipc=2, fyi=True))
    expected, host = after_one_step(make("dm", context, ipc=2))
    torch.testing.assert_close(images, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(loss, host, rtol=1e-12, atol=0)


def test_to_such_a_network_fyi_shows_the_symmetrised_gradient(in_float64, monkeypatch):
    """DC compares gradients: on real images that are their own mirror images, and with FYI, both are symmetric in their
    kernels; without FYI the synthetic one is not."""
    context = flip_invariant(in_float64)
    train = context.real.train
    own_mirror = dataclasses.replace(train, images=(train.images + hflip(train.images)) / 2)
    own_task = dataclasses.replace(context.task, real=dataclasses.replace(context.real, train=own_mirror))
    context = dataclasses.replace(context, task=own_task)
    seen = {}

    def distance(net, real, synthetic, metric):
        seen.setdefault(fyi, []).append((real.detach(), synthetic.detach()))
        return synthetic.square().sum()

    monkeypatch.setattr("ddkit.methods.gradient.gradient_distance", distance)
    for fyi in (False, True):
        after_one_step(make("dc", context, ipc=1, fyi=fyi))

    def symmetrised(gradient):
        views = context.net.unflatten(gradient).values()
        return torch.cat([((v + v.flip(-1)) / 2 if v.ndim == 4 else v).flatten() for v in views])

    for (real, host), (same, ours) in zip(seen[False], seen[True], strict=True):
        torch.testing.assert_close(real, same, rtol=0, atol=1e-12)
        torch.testing.assert_close(real, symmetrised(real), rtol=0, atol=1e-12)
        torch.testing.assert_close(ours, symmetrised(host), rtol=0, atol=1e-12)
        assert (host - symmetrised(host)).abs().max() > 1e-4


@pytest.mark.parametrize("name", LEARNING)
def test_the_set_says_that_it_expects_flips(name, make_context):
    cls = method_class(name)
    context = make_context(cls.settings_class.expert_kind)
    plain, fyi = (make(name, context, fyi=fyi, batch_syn=1) for fyi in (False, True))
    assert plain.finish(plain.init()).facts.evaluation_flip == 0
    assert fyi.finish(fyi.init()).facts.evaluation_flip == 0.5
    assert len(fyi.finish(fyi.init())) == 3  # nothing is stored twice


@pytest.mark.parametrize("name", ["mtt", "datm"])
def test_a_trajectory_step_sees_no_more_images_than_its_hosts(name, in_float64, batch_sizes):
    context = in_float64()
    for batch_syn in (None, 4, 3, 1):
        make(name, context, ipc=2, fyi=True, batch_syn=batch_syn).step(make(name, context, ipc=2).init())
    assert batch_sizes == [(6, 6), (4, 4), (2, 2), (2, 2)]  # one image and its mirror image are the least there is
