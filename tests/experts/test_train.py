"""Training against a loop in plain PyTorch, alone and in groups, and what snapshots promise."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F

from ddkit.data import DSA, DSAParams, Part
from ddkit.experts import train_expert, train_experts
from ddkit.experts.batches import Batch, epoch_batches
from ddkit.experts.flat import FlatExperts
from ddkit.experts.plain import PlainExperts
from ddkit.experts.smooth import SmoothExperts
from ddkit.experts.train import one_by_one, stacked
from ddkit.nets import FlatNet, parse_net
from ddkit.randomness import stream
from ddkit.steps.autograd import AutogradStep
from ddkit.task import Task


def trained(real, net, settings, epochs, augment="", generator=None):
    generator = generator or stream(0, "expert", 0)
    return [theta for theta, _ in train_expert(Task(real, net, DSA(augment)), settings, epochs, generator)]


@pytest.mark.parametrize("settings", [PlainExperts(batch=8), FlatExperts(batch=8)], ids=["plain", "flat"])
def test_snapshots_are_tensors_of_their_own(real, net, settings):
    """The published code stores `p.detach().cpu()`: on a CPU all its 51 snapshots alias the live parameters."""
    snapshots = trained(real, net, settings, 4)
    assert len(snapshots) == 5
    assert len({theta.data_ptr() for theta in snapshots}) == 5
    for i in range(5):
        for j in range(i):
            assert not torch.equal(snapshots[i], snapshots[j])


def test_the_first_snapshot_is_the_initialisation(real, net):
    assert torch.equal(trained(real, net, PlainExperts(), 2)[0], net.init(stream(0, "expert", 0)))


@pytest.mark.parametrize(
    "settings",
    [
        PlainExperts(batch=8, lr=0.1),
        PlainExperts(batch=8, lr=0.1, momentum=0.9),
        PlainExperts(batch=8, lr=0.1, momentum=0.5, weight_decay=0.01),
    ],
    ids=["plain", "momentum", "weight_decay"],
)
def test_epochs_are_those_of_torch_sgd(real, net, settings):
    """The oracle works on the module itself, in float64, with torch.optim.SGD; only the orders are taken over."""
    epochs = 3
    images, labels = real.train.images, real.train.labels
    generator = stream(0, "expert", 0)
    theta = net.init(generator)
    module = net.settings.build((1, 8, 8), 3).double()
    torch.nn.utils.vector_to_parameters(theta.double(), module.parameters())
    optimiser = torch.optim.SGD(
        module.parameters(), lr=settings.lr, momentum=settings.momentum, weight_decay=settings.weight_decay
    )
    for _ in range(epochs):
        order = torch.randperm(len(labels), generator=generator)
        batches = order.split(settings.batch)
        DSA("").sample(generator, len(batches), settings.batch, (8, 8))  # draws even where nothing is augmented
        for index in batches:
            optimiser.zero_grad()
            F.cross_entropy(module(images[index].double()), labels[index]).backward()
            optimiser.step()
    expected = torch.nn.utils.parameters_to_vector(module.parameters()).detach()
    got = trained(real, net, settings, epochs)[-1].double()
    assert (expected - theta).norm() > 0.1  # it went somewhere
    assert (got - expected).norm() < 1e-5 * (expected - theta).norm()


@pytest.mark.parametrize("augment", ["", "color_crop_cutout_flip_scale_rotate"])
def test_the_first_snapshots_do_not_depend_on_how_many_follow(real, net, augment):
    settings = FlatExperts(batch=8, momentum=0.5)
    short, long = (trained(real, net, settings, epochs, augment) for epochs in (2, 5))
    for a, b in zip(short, long, strict=False):
        assert torch.equal(a, b)


def test_every_image_is_used_once_an_epoch(real, net, monkeypatch):
    """Each image carries its number; a spy in the place of the augmentation writes down what it sees."""
    count, seen = 23, []
    part = Part(torch.arange(count).float().view(-1, 1, 1, 1).expand(-1, 1, 8, 8), torch.arange(count) % 3)

    def spy(x, params):
        seen.extend(x[:, :, 0, 0, 0].int().tolist())
        return x

    monkeypatch.setattr(DSA, "apply", staticmethod(spy))
    task = Task(dataclasses.replace(real, train=part), net, DSA(""))
    list(train_expert(task, PlainExperts(batch=5), 2, stream(0, "expert", 0)))
    assert [len(batch) for batch in seen] == [5, 5, 5, 5, 3] * 2
    epochs = [[image for batch in batches for image in batch] for batches in (seen[:5], seen[5:])]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(count))
    assert epochs[0] != epochs[1]


def test_the_loss_is_the_mean_over_the_epoch(real, net):
    """With a rate of almost nothing the epoch's mean is the loss of the initial parameters over all images."""
    settings = PlainExperts(batch=5, lr=1e-12)
    pairs = list(train_expert(Task(real, net, DSA("")), settings, 1, stream(0, "expert", 0)))
    expected = F.cross_entropy(net(pairs[0][0], real.train.images), real.train.labels)
    assert pairs[1][1] == pytest.approx(expected.item(), rel=1e-5)
    assert pairs[0][1] != pairs[0][1]  # nan: nothing was seen yet


def test_a_batch_is_augmented_by_its_own_draws(net, monkeypatch):
    """However many batches are augmented at once: the parameters that reach an image are those of its batch and row."""
    count, size = 23, 5
    part = Part(torch.randn(count, 1, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(count) % 3)
    dsa, generator = DSA("color_crop_scale"), stream(0, "expert", 0)
    order = torch.randperm(count, generator=generator).split(size)
    params = dsa.sample(generator, len(order), size, (8, 8))
    for ahead in (1, 2 * size * 64, 2**20):
        monkeypatch.setattr("ddkit.experts.batches.AHEAD", ahead)
        batches = list(epoch_batches(part, size, dsa, [stream(0, "expert", 0)]))
        assert [batch.labels.shape[1] for batch in batches] == [5, 5, 5, 5, 3]
        for i, (x, y, plain) in enumerate(batches):
            row = DSAParams(params.ops[i : i + 1], params.values[i : i + 1, : len(order[i])], (8, 8))
            assert torch.equal(x, dsa.apply(part.images[order[i]][None], row))
            assert torch.equal(plain[0], part.images[order[i]])
            assert torch.equal(y[0], part.labels[order[i]])


@pytest.mark.parametrize("augment", ["", "color_crop_cutout_flip_scale_rotate"])
@pytest.mark.parametrize("kind", [PlainExperts, FlatExperts])
def test_an_expert_is_the_same_in_any_group(real, net, kind, augment):
    settings, task = kind(batch=8, lr=0.1, momentum=0.5), Task(real, net, DSA(augment))
    generators = [stream(0, "expert", i) for i in range(3)]
    epochs = list(train_experts(task, settings, 3, generators))
    assert [theta.shape for theta, _ in epochs] == [(3, net.parameters)] * 4
    for i in (0, 2):
        alone = list(train_expert(task, settings, 3, stream(0, "expert", i)))
        for (thetas, losses), (theta, loss) in zip(epochs, alone, strict=True):
            assert torch.equal(thetas[i], theta)
            assert losses[i].item() == pytest.approx(loss, rel=0, abs=0, nan_ok=True)


@pytest.mark.parametrize("spec", ["convnet(depth=1, width=4)", "convnet(depth=1, width=4, norm=batch)"])
@pytest.mark.parametrize(
    "settings",
    [
        PlainExperts(),
        FlatExperts(rho=0.1, alpha=1.0),
        SmoothExperts(),
        FlatExperts(rho=0.1, warmup=0.3, penalty=1.0, penalty_norm="sample"),
    ],
    ids=["plain", "flat", "smooth", "flat and smooth"],
)
def test_stacked_experts_take_the_same_step_as_one_by_one(settings, spec):
    """What runs on CUDA, against ordinary autograd for each expert, in float64."""
    net = FlatNet(parse_net(spec), (1, 8, 8), 3)
    draw = torch.Generator().manual_seed(0)
    theta = torch.stack([net.init(draw, torch.float64) for _ in range(3)])
    x = torch.randn(3, 6, 1, 8, 8, generator=draw, dtype=torch.float64)
    y = torch.randint(3, (3, 6), generator=draw)
    batch = Batch(x, y, x.flip(-1))
    losses, directions = stacked(net, settings, 1, theta, batch)
    expected = one_by_one(AutogradStep(net, torch.float64), settings, 1, theta, batch)
    torch.testing.assert_close(losses, expected[0], rtol=1e-12, atol=0)
    torch.testing.assert_close(directions, expected[1], rtol=1e-10, atol=1e-12)
    assert directions.norm() > 0.1


def test_the_global_generator_is_neither_used_nor_moved(real, net):
    augment = "color_crop_cutout_flip_scale_rotate"
    results = []
    for seed in (1, 2):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            before = torch.get_rng_state()
            results.append(trained(real, net, FlatExperts(batch=8), 2, augment))
            assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))
    other = trained(real, net, FlatExperts(batch=8), 2, augment, stream(0, "expert", 1))
    assert not torch.equal(other[-1], results[0][-1])
