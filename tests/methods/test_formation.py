"""Formation: exact gradients through the expansion in float64, initial images, labels, batches, and the sets."""

import dataclasses

import pytest
import torch
from kornia.geometry.transform import hflip
from torch.nn.functional import avg_pool2d, interpolate

from ddkit.data import DSA, select
from ddkit.errors import UsageError
from ddkit.methods import method_class
from ddkit.methods.fyi import Flipping
from ddkit.methods.given import GivenImages
from ddkit.methods.initial_by_experts import initial_logits
from ddkit.methods.learned import LearnedImages
from ddkit.methods.method_settings import MethodSettings
from ddkit.methods.table import IMAGE_METHODS
from ddkit.nets import logits_of
from ddkit.randomness import stream
from ddkit.recipe import PerClass
from ddkit.synth import Packed, unpack

TINY = {"iterations": 4, "syn_steps": 2, "expert_epochs": 1, "max_start_epoch": 2, "outer_loop": 2, "inner_loop": 2}
TINY |= {"batch_real": 5, "teacher_epoch": 2, "lr_img": 0.5, "ema_decay": 0.0, "jitter": 0}
TINY |= {"state": "class", "calibrations": 0}  # one step of Adam, in which the images do not move between classes

LEARNING = [name for name in IMAGE_METHODS if issubclass(method_class(name).settings_class, LearnedImages)]
PACKING = [
    name
    for name in IMAGE_METHODS
    if "formation" in {field.name for field in dataclasses.fields(method_class(name).settings_class)}
]


def make(name, context, **settings):
    cls = method_class(name)
    known = {field.name for field in dataclasses.fields(cls.settings_class)}
    return cls(cls.settings_class(**{key: value for key, value in (TINY | settings).items() if key in known}), context)


def interpolated(images):
    """Each quarter of each image, enlarged by PyTorch: image by image, row by row."""
    quarters = [images[..., rows, columns] for rows in HALVES for columns in HALVES]
    return torch.stack([interpolate(one, (8, 8), mode="bilinear") for one in quarters], 1).flatten(0, 1)


HALVES = slice(0, 4), slice(4, 8)


def test_all_methods_that_learn_images_have_it():
    assert {"mtt", "ftd", "ast", "datm", "best", "dc", "dsa", "dm"} <= set(LEARNING)
    assert {*LEARNING, "sre2l", "random", "herding", "kmeans"} == set(PACKING)


@pytest.mark.parametrize("fyi", [False, True], ids=["", "fyi"])
@pytest.mark.parametrize("name", LEARNING)
def test_a_step_is_its_hosts_step_through_interpolation(name, fyi, in_float64, monkeypatch):
    """The host learns the enlarged images. Its step of them, taken back through `interpolate` by autograd, is
    the step of the packed images, and both losses are equal. Trajectory methods unroll the host by engine `reference`,
    whose gradient is that of autograd's whole graph. With FYI they draw half of the images: here the first half."""
    monkeypatch.setattr(
        "ddkit.methods.trajectory.draw_batches",
        lambda count, batch, steps, generator: torch.arange(batch).expand(steps, batch),
    )
    context = in_float64()
    packed = make(name, context, ipc=2, formation=2, fyi=fyi)
    host = make(name, context, ipc=8, fyi=fyi, engine="reference")
    before = packed.init()
    images = before.images.clone().requires_grad_()
    enlarged = interpolated(images)
    shared = {"rng": before.rng} | {key: getattr(before, key) for key in ("theta", "logits") if hasattr(before, key)}
    begin = dataclasses.replace(host.init(), images=enlarged.detach(), **shared)
    (after, metrics), (moved, expected) = packed.step(before), host.step(begin)
    own_step, host_step = (
        new.first
        if hasattr(new, "first")
        else new.images - old.images  # Adam: its first moment, a tenth of the gradient
        for new, old in ((after, before), (moved, begin))
    )
    (step,) = torch.autograd.grad(enlarged, images, host_step)
    assert own_step.abs().max() > 1e-7
    torch.testing.assert_close(own_step, step, rtol=0, atol=1e-11)
    torch.testing.assert_close(metrics["loss"], expected["loss"], rtol=1e-11, atol=0)
    if getattr(before, "logits", torch.empty(0)).numel():  # one label a small image
        assert before.logits.shape == (3 * 2 * 4, 3)
        torch.testing.assert_close(after.logits, moved.logits, rtol=0, atol=1e-11)


def test_images_are_enlarged_and_then_mirrored():
    settings = make_settings(formation=2, fyi=True)
    images = torch.randn(3, 2, 1, 8, 8, dtype=torch.float64, generator=stream(0, "images"))
    found = settings.expand(images)
    assert found.shape == (3, 16, 1, 8, 8)
    for batch, own in zip(found, images, strict=True):
        expected = interpolated(own)
        torch.testing.assert_close(batch, torch.cat([expected, hflip(expected)]), rtol=0, atol=1e-14)
    labels = torch.arange(8)  # of the small images of both
    index = settings.expand_index(torch.tensor([[1, 0], [0, 0]]))
    assert labels[index].tolist() == [[4, 5, 6, 7, 0, 1, 2, 3] * 2, [0, 1, 2, 3] * 4]
    assert (settings.views, settings.parts) == (8, 4)


def make_settings(**settings):
    return method_class("mtt").settings_class(**settings)


def test_a_settings_class_without_a_formation_has_whole_images():
    """A third party's method that only flips."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Own(Flipping, MethodSettings):
        name = "own"

    assert Own().packing == Own().views == 1 and Own(fyi=True).views == 2


@pytest.mark.parametrize("name", ["mtt", "datm"])
@pytest.mark.parametrize("fyi", [False, True])
def test_batches_of_trajectory_methods_count_small_images(name, fyi, in_float64, batch_sizes):
    """None: all small images, of which FYI draws half. At least one stored image is drawn."""
    context = in_float64()
    for batch_syn in (None, 16, 9, 1):
        method = make(name, context, ipc=2, formation=2, fyi=fyi, batch_syn=batch_syn)
        method.step(method.init())
    assert batch_sizes == [(n, n) for n in ([24, 16, 8, 8] if fyi else [24, 16, 8, 4])]


def test_the_inner_loop_of_dc_trains_on_all_small_images(in_float64):
    """One step on the whole set: the gradient of the enlarged images with the class of each."""
    context = in_float64()
    method = make("dc", context, ipc=2, formation=2, inner_loop=1, batch_train=6, lr_net=0.3)
    state = method.init()
    new, _ = method.step(state)
    theta = state.theta.clone().requires_grad_()
    labels = torch.arange(3).repeat_interleave(8)
    loss = torch.nn.functional.cross_entropy(context.net(theta, interpolated(new.images)), labels)
    (gradient,) = torch.autograd.grad(loss, theta)
    torch.testing.assert_close(new.theta, state.theta - 0.3 * gradient, rtol=0, atol=1e-12)


# Initial images


@pytest.mark.parametrize("pix_init", ["real", "herding", "kmeans"])
@pytest.mark.parametrize("name", ["mtt", "dm"])
def test_packed_images_begin_as_real_images_made_small(name, pix_init, in_float64):
    """Four different images of the class in each, in the order in which the coreset selects them."""
    context = in_float64()
    train, method = context.real.train, make(name, context, ipc=2, formation=2, pix_init=pix_init)
    coreset = "random" if pix_init == "real" else pix_init
    chosen = select(coreset, train.images.flatten(1), train.labels, 8, stream(context.seed, "condense"))
    assert len(set(chosen.tolist())) == 24
    small = avg_pool2d(train.images[chosen], 2).view(6, 2, 2, 1, 4, 4)
    expected = torch.cat([torch.cat(list(row.unbind(1)), -1) for row in small.unbind(1)], -2)
    torch.testing.assert_close(method.init().images, expected, rtol=0, atol=1e-14)


def test_noise_is_that_of_the_packed_images(in_float64):
    context = in_float64()
    whole, packed = (make("mtt", context, ipc=2, pix_init="noise", formation=k).init().images for k in (1, 2))
    assert torch.equal(whole, packed)


@pytest.mark.parametrize("pix_init", ["representative", "samples_predicted_correctly"])
def test_experts_choose_the_small_images(pix_init, make_context):
    context = make_context("plain")
    train = context.real.train
    images = make("mtt", context, ipc=1, formation=2, pix_init=pix_init).init().images
    small = avg_pool2d(train.images, 2)
    for c, own in enumerate(images):
        for rows in HALVES:
            for columns in HALVES:
                found = (small - own[:, rows, columns]).abs().amax((1, 2, 3)) < 1e-6
                assert train.labels[found].tolist() == [c]


def test_a_given_set_is_made_small_unless_it_is_packed_alike(in_float64):
    context = in_float64()
    draw = stream(0, "given")
    given = torch.randn(9, 1, 8, 8, generator=draw, dtype=torch.float64)  # three a class; eight are needed
    labels = torch.arange(3).repeat_interleave(3)
    of_whole = dataclasses.replace(context, given=GivenImages(given, labels, "d"))
    images = make("mtt", of_whole, ipc=2, formation=2, pix_init="set:x").init().images
    usual = make("mtt", context, ipc=2, formation=2).init().images
    for c in range(3):
        first, second = images[2 * c : 2 * c + 2]
        for own, part in zip(given[3 * c : 3 * c + 3], [(0, 0), (0, 1), (1, 0)], strict=True):
            torch.testing.assert_close(first[:, HALVES[part[0]], HALVES[part[1]]], avg_pool2d(own, 2))
        assert torch.equal(second, usual[2 * c + 1])  # the setting's default fills the rest
    packed = dataclasses.replace(context, given=GivenImages(given[::3], labels[::3], "d", packing=2))
    images = make("mtt", packed, ipc=2, formation=2, pix_init="set:x").init().images
    assert torch.equal(images[::2], given[::3]) and torch.equal(images[1::2], usual[1::2])


def test_data_that_is_too_small_is_one_line(in_float64):
    context = in_float64()
    fewest = int(context.real.train.labels.bincount().min())
    assert fewest < 24
    settings = make_settings(ipc=6, formation=2)
    wanted = "needs 24 real images of class ., 4 in the place of one, but it has only"
    for call in (make("mtt", context, ipc=6, formation=2).init, lambda: settings.refuse_data(context.real)):
        with pytest.raises(UsageError, match=wanted):
            call()
    make("mtt", context, ipc=6, formation=2, pix_init="noise").init()
    data = context.real.data
    tiny = dataclasses.replace(data, train_images=data.train_images[..., :1], test_images=data.test_images[..., :1])
    with pytest.raises(UsageError, match="images of 8x1 pixels cannot be 2x2 small ones; set it to at most 1"):
        make_settings(formation=2).refuse_data(dataclasses.replace(context.real, data=tiny))


# Sets


@pytest.mark.parametrize("name", PACKING)
def test_the_set_has_the_bytes_of_its_packed_images(name, make_context):
    cls = method_class(name)
    method = make(name, make_context(cls.settings_class.expert_kind), ipc=2, formation=2)
    made = method.distil() if hasattr(method, "distil") else method.finish(method.init())
    assert isinstance(made.compact, Packed) and made.compact.factor == made.facts.formation == 2
    assert made.stored_bytes()["packed images"] == 4 * 6 * 64
    assert made.labels.tolist() == [c for c in range(3) for _ in range(8)]
    assert torch.equal(made.images, unpack(made.compact.images, 2))
    assert made.facts.title == name + "+2x2" and made.facts.ipc == 2


def test_uneven_classes_are_packed_too(make_context):
    context = make_context(None)
    ipc = PerClass(tuple(zip(context.real.data.classes, (2, 1, 2), strict=True)))
    method = make("dm", context, ipc=ipc, formation=2)
    made = method.finish(method.step(method.init())[0])
    assert made.facts.counts == (2, 1, 2) and made.labels.bincount().tolist() == [8, 4, 8]


def test_soft_labels_begin_at_the_experts_logits_of_each_small_image(in_float64):
    context = in_float64()
    for fyi in (False, True):
        state = make("datm", context, ipc=2, formation=2, fyi=fyi).init()
        labels, images = torch.arange(3).repeat_interleave(8), interpolated(state.images)
        views = [images, hflip(images)] if fyi else [images]
        predicted = [initial_logits(context, context.trajectories, 2, view, labels) for view in views]
        torch.testing.assert_close(state.logits, sum(predicted) / len(predicted), rtol=0, atol=1e-11)


def test_a_coreset_is_the_packed_rival(make_context):
    context = make_context(None)
    train = context.real.train
    made = make("herding", context, ipc=2, formation=2).distil()
    chosen = select("herding", train.images.flatten(1), train.labels, 8, stream(0, "unused"))
    torch.testing.assert_close(made.images, interpolated(packed_by_hand(train.images[chosen])), rtol=0, atol=1e-6)


def packed_by_hand(images):
    small = avg_pool2d(images, 2).view(-1, 2, 2, 1, 4, 4)
    return torch.cat([torch.cat(list(row.unbind(1)), -1) for row in small.unbind(1)], -2)


def test_sre2l_recovers_small_images_that_its_teacher_knows(make_context, ensemble):
    """Labels are the teachers' logits of each small image."""
    method = make("sre2l", make_context("teacher"), ipc=1, formation=2, iterations=60, lr=0.3, r_bn=0.0)
    state, losses = method.init(), []
    for _ in range(60):
        state, metrics = method.step(state)
        losses.append(float(metrics["loss"]))
    made = method.finish(state)
    first = ensemble.teachers[0]
    assert losses[-1] < 0.3 * losses[0]
    assert torch.equal(logits_of(first.net, first.theta, made.images, first.stats).argmax(1), made.labels)
    assert made.soft_labels.shape == (12, 3)


@pytest.mark.parametrize("name", LEARNING)
def test_formation_1_is_the_method_itself(name, make_context):
    """Names, texts and draws are those of a settings class without it."""
    cls = method_class(name)
    context = make_context(cls.settings_class.expert_kind)
    plain, one = make(name, context, ipc=2), make(name, context, ipc=2, formation=1)
    assert "formation" not in repr(cls.settings_class(formation=1))
    assert repr(cls.settings_class(formation=2)) != repr(cls.settings_class())
    first, second = (method.finish(method.step(method.init())[0]) for method in (plain, one))
    assert first == second and first.compact is None and first.facts.formation is None


def test_small_images_are_augmented_one_by_one(in_float64, monkeypatch):
    """What reaches the augmentation in DM are the enlarged images."""
    seen = []
    apply = DSA.apply
    monkeypatch.setattr(DSA, "apply", staticmethod(lambda x, params: seen.append(x) or apply(x, params)))
    method = make("dm", in_float64(augment="color_crop"), ipc=2, formation=2)
    method.step(state := method.init())
    synthetic = [batches for batches in seen if batches.shape[1] != 5]
    torch.testing.assert_close(torch.cat(synthetic, 1)[0], interpolated(state.images), rtol=0, atol=1e-14)
