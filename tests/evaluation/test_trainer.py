"""Training of many networks against torch.optim on one module, looped against stacked, and counts."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ddkit.data import DSA, Part
from ddkit.evaluation import trainer
from ddkit.evaluation.label_targets import LabelTargets
from ddkit.evaluation.pool import Pool
from ddkit.evaluation.trainer import Trained, train_networks
from ddkit.evaluation.training import Training
from ddkit.experts import Ensemble
from ddkit.nets import FlatNet, parse_net
from ddkit.randomness import stream
from ddkit.steps.autograd import AutogradStep

SHAPE, CLASSES = (2, 8, 8), 3
NETS = ["mlp(depth=1, width=16)", "convnet(depth=2, width=8)", "convnet(depth=2, width=8, norm=batch)"]


def flat(spec: str) -> FlatNet:
    return FlatNet(parse_net(spec), SHAPE, CLASSES)


def pool(size: int = 24, soft: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    draw = stream(0, "pool")
    images = torch.randn(size, *SHAPE, generator=draw)
    hard = torch.arange(size) % CLASSES
    return images, (torch.rand(size, CLASSES, generator=draw) * 3).softmax(1) if soft else hard


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("spec", NETS)
def test_stacked_looped_and_fused_training_agree(spec: str, soft: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = pool(soft=soft)
    members = torch.stack([torch.randperm(24, generator=stream(i, "members"))[:15] for i in range(3)])
    lr = torch.tensor([0.003, 0.01, 0.03])
    training = Training(steps=12, batch=6, drop_at=8)
    found = {}
    fused = trainer.step_for
    for way, limit in (("stacked", 99), ("looped", 0), ("fused", 0)):
        monkeypatch.setattr(trainer, "STACK_UP_TO", limit)
        plain = lambda net, theta: AutogradStep(net, theta.dtype)  # noqa: E731
        monkeypatch.setattr(trainer, "step_for", fused if way == "fused" else plain)
        found[way] = train_networks(
            flat(spec),
            Pool(images, labels, members),
            lr,
            training,
            DSA("color_crop_flip_rotate"),
            stream(0, "train"),
        )
    one = found["stacked"]
    for other in (found["looped"], found["fused"]):
        torch.testing.assert_close(one.theta, other.theta, atol=2e-5, rtol=1e-4)
        assert one.stats.keys() == other.stats.keys() and bool(one.stats) == ("batch" in spec)
        for name, values in one.stats.items():
            torch.testing.assert_close(values, other.stats[name], atol=2e-5, rtol=1e-4)
    assert (one.theta[0] - one.theta[1]).abs().max() > 1e-2  # three networks, not one three times


@pytest.mark.parametrize("stack", [0, 99])
@pytest.mark.parametrize("drop_resets", [False, True])
@pytest.mark.parametrize("factor, drop_momentum", [(0.1, None), (0.5, 0.8)])
@pytest.mark.parametrize("spec", NETS)
def test_one_network_is_trained_as_by_torch(
    spec: str,
    factor: float,
    drop_momentum: float | None,
    drop_resets: bool,
    stack: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Full batches without augmentation, so that only the order of the sums within a batch differs."""
    monkeypatch.setattr(trainer, "STACK_UP_TO", stack)
    net, (images, labels) = flat(spec), pool()
    steps, drop_at, lr = 30, 20, 0.02

    with torch.random.fork_rng():
        module = net.settings.build(SHAPE, CLASSES)
    nn.utils.vector_to_parameters(net.init(stream(0, "train")), module.parameters())
    sgd = torch.optim.SGD(module.parameters(), lr=lr, momentum=0.9, weight_decay=5e-4)
    for step in range(steps):
        if step == drop_at and drop_resets:
            sgd = torch.optim.SGD(module.parameters(), lr=lr, momentum=0.9, weight_decay=5e-4)
        if step == drop_at:
            sgd.param_groups[0] |= {"lr": factor * lr, "momentum": 0.9 if drop_momentum is None else drop_momentum}
        sgd.zero_grad()
        F.cross_entropy(module(images), labels).backward()
        sgd.step()

    training = Training(
        steps=steps, batch=1000, drop_at=drop_at, drop_resets=drop_resets,
        **({} if drop_momentum is None else {"drop_factor": factor, "drop_momentum": drop_momentum}),
    )  # fmt: skip
    trained = train_networks(
        net, Pool(images, labels, torch.arange(24)[None]), torch.tensor([lr]), training, DSA(""), stream(0, "train")
    )
    expected = nn.utils.parameters_to_vector(module.parameters()).detach()
    torch.testing.assert_close(trained.theta[0], expected, atol=2e-5, rtol=1e-4)
    buffers = dict(module.named_buffers())
    for name, values in trained.stats.items():
        torch.testing.assert_close(values[0], buffers[name], atol=2e-5, rtol=1e-4)
    part = Part(*pool(60))
    hits = module.eval()(part.images).argmax(1) == part.labels
    assert trained.accuracy(part) == [pytest.approx(float(hits.float().mean()))]


@pytest.mark.parametrize("size, batch, steps", [(7, 3, 40), (5, 5, 30), (10, 4, 61), (30, 8, 3)])
def test_each_image_is_used_equally_often_to_within_one(size: int, batch: int, steps: int) -> None:
    """Also across the border between the steps that are prepared together."""
    images = torch.arange(40.0).view(40, 1, 1, 1).expand(-1, 1, 4, 4)
    labels = torch.arange(40)
    members = torch.stack([torch.randperm(40, generator=stream(i, "members"))[:size] for i in range(2)])
    training = Training(steps=steps, batch=batch, drop_at=steps)
    batches = list(trainer._batches(Pool(images, labels, members), training, DSA(""), stream(0, "batches")))
    assert [x.shape for x, _ in batches] == [(2, batch, 1, 4, 4)] * steps
    x, y = (torch.cat(column, 1) for column in zip(*batches, strict=True))
    assert torch.equal(x[..., 0, 0, 0].long(), y)  # images keep their labels
    for own, used in zip(members, y, strict=True):
        counts = used.bincount(minlength=40)
        assert counts.sum() == steps * batch and counts[own].max() - counts[own].min() <= 1
        assert counts.sum() == counts[own].sum()
    assert not torch.equal(y[0].argsort(), y[1].argsort())  # each network has its own order


@pytest.mark.parametrize("size", [1, 499, 500, 501, 1203])
def test_accuracy_is_a_direct_count(size: int) -> None:
    """A linear network that copies the pixels: the answer is the place of the largest."""
    net = FlatNet(parse_net("mlp(depth=1, width=4)"), (1, 2, 2), 4)
    eye, zero = torch.eye(4).flatten(), torch.zeros(4)
    copies = torch.cat([eye, zero, eye, zero])
    theta = torch.stack([copies, torch.cat([eye, zero, eye.view(4, 4).roll(1, 0).flatten(), zero])])
    x = torch.rand(size, 1, 2, 2, generator=stream(0, "pixels"))
    labels = torch.randint(4, (size,), generator=stream(0, "labels"))
    largest = x.flatten(1).numpy().argmax(1)
    shares = [np.mean(largest == labels.numpy()), np.mean((largest + 1) % 4 == labels.numpy())]
    trained = Trained(net, theta, {})
    assert trained.accuracy(Part(x, labels)) == pytest.approx(shares)
    assert trained.only(slice(1, 2)).accuracy(Part(x, labels)) == pytest.approx(shares[1:])


@pytest.mark.parametrize("spec", NETS)
def test_training_that_is_watched_and_goes_on(spec: str) -> None:
    """Without momentum, two trainings in succession are one long one, up to the order of sums in a full batch."""
    net, (images, labels) = flat(spec), pool()
    members, lr = torch.arange(24).expand(2, -1), torch.tensor([0.01, 0.02])
    generators = [stream(0, "train") for _ in range(2)]

    def train(
        steps: int, which: int, start: Trained | None = None, watch: Callable[[int, Trained], None] | None = None
    ) -> Trained:
        training = Training(steps=steps, batch=24, drop_at=steps, momentum=0.0)
        return train_networks(
            net, Pool(images, labels, members), lr, training, DSA(""), generators[which], start=start, watch=watch
        )

    seen: dict[int, torch.Tensor] = {}
    long = train(15, 0, watch=lambda done, now: seen.update({done: now.theta.clone()}))
    first = train(6, 1)
    kept = {name: values.clone() for name, values in first.stats.items()}
    second = train(9, 1, first)
    assert list(seen) == list(range(1, 16))
    assert torch.equal(seen[15], long.theta)
    torch.testing.assert_close(seen[6], first.theta, atol=2e-5, rtol=1e-4)
    assert all(torch.equal(values, kept[name]) for name, values in first.stats.items())  # the start is left alone
    torch.testing.assert_close(second.theta, long.theta, atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(second.stats, long.stats, atol=2e-5, rtol=1e-4)


def test_soft_labels_that_are_certain_train_as_classes_do() -> None:
    images, labels = pool()
    training = Training(steps=10, batch=8, drop_at=5)
    found = [
        train_networks(
            flat(NETS[1]), Pool(images, y, torch.arange(24).expand(2, -1)), torch.tensor([0.01, 0.02]), training,
            DSA(""), stream(0, "train"),
        )
        for y in (labels, F.one_hot(labels, CLASSES).float())
    ]  # fmt: skip
    torch.testing.assert_close(found[0].theta, found[1].theta, atol=1e-6, rtol=1e-5)


def test_groups_see_the_same_batches() -> None:
    """Each take is the first alone, under other rates; the batches are drawn, and named by teachers, once."""
    images, labels = pool()
    training, dsa = Training(steps=10, batch=8, drop_at=5), DSA("color_crop_flip_rotate")
    net, members, labelled = flat(NETS[1]), torch.arange(24).expand(2, -1), []

    class Teachers(Ensemble):
        def logits(self, x: torch.Tensor) -> torch.Tensor:
            labelled.append(len(x))
            return 9 * x.mean((2, 3)) @ torch.eye(2, CLASSES)

    targets = LabelTargets(temperature=2.0, teachers=Teachers(()))
    begin = torch.stack([net.init(stream(i, "theta")) for i in range(2)])

    def train(lr: list[float], groups: int) -> torch.Tensor:
        labelled.clear()
        start = Trained(net, begin.repeat(groups, 1), {})
        all_members = members.repeat(groups, 1)
        return train_networks(
            net,
            Pool(images, labels, all_members, targets),
            torch.tensor(lr),
            training,
            dsa,
            stream(0, "train"),
            start=start,
            groups=groups,
        ).theta

    both = train([0.01, 0.01, 0.03, 0.03], 2)
    assert labelled == [8] * 20  # two networks, ten steps
    for i, lr in enumerate((0.01, 0.03)):
        torch.testing.assert_close(both[2 * i : 2 * i + 2], train([lr] * 2, 1), atol=1e-6, rtol=1e-5)
    assert (both[0] - both[2]).abs().max() > 1e-3


def test_training_leaves_the_global_generator_and_the_images_alone() -> None:
    images, labels = pool()
    before, kept = torch.get_rng_state(), images.clone()
    training = Training(steps=5, batch=8, drop_at=2)
    runs = [
        train_networks(
            flat(NETS[2]), Pool(images, labels, torch.arange(24)[None]), torch.tensor([0.01]), training,
            DSA("cutout_scale"), stream(0, "train"),
        ).theta
        for _ in range(2)
    ]  # fmt: skip
    assert torch.equal(torch.get_rng_state(), before) and torch.equal(images, kept)
    assert torch.equal(*runs)


@pytest.mark.parametrize("ahead", [1, 5_000, 2**40])
def test_how_far_ahead_batches_are_prepared_changes_no_bit(ahead: int, monkeypatch: pytest.MonkeyPatch) -> None:
    images = torch.randn(60, 3, 9, 11, generator=stream(0, "images"))
    labels, members = torch.arange(60) % 4, torch.arange(60).expand(3, -1)
    training, dsa = Training(steps=30, batch=16), DSA("color_crop_cutout_flip_scale_rotate")

    def batches() -> list[torch.Tensor]:
        made = trainer._batches(Pool(images, labels, members), training, dsa, stream(0, "batches"))
        return [part for batch in made for part in batch]

    usual = batches()
    monkeypatch.setattr(trainer, "AHEAD", ahead)
    assert all(torch.equal(one, other) for one, other in zip(batches(), usual, strict=True))
