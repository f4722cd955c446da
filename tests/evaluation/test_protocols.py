"""Each paper's schedule against a plain torch loop over epochs, written as the released code reads."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ddkit.data import DSA
from ddkit.errors import UsageError
from ddkit.evaluation import PAPERS, PROTOCOLS, PaperProtocol, full_name
from ddkit.evaluation.pool import Pool
from ddkit.evaluation.trainer import Trained, train_networks
from ddkit.nets import FlatNet, parse_net
from ddkit.randomness import stream

SHAPE, CLASSES, SIZE = (1, 8, 8), 3, 12
NET = FlatNet(parse_net("convnet(depth=1, width=4, norm=batch)"), SHAPE, CLASSES)

# name: batch, weight decay, what the lr is multiplied by, momentum after that, trainings, epochs between looks
PUBLISHED = {
    "mtt": (256, 5e-4, 0.1, 0.9, 1, None),
    "ftd": (256, 5e-4, 0.1, 0.9, 2, None),
    "ast": (256, 1e-3, 0.5, 0.8, 1, 20),
    "datm": (128, 5e-4, 0.1, 0.9, 1, None),
    "dc": (256, 5e-4, 0.1, 0.9, 1, None),
    "dsa": (256, 5e-4, 0.1, 0.9, 1, None),
    "dm": (256, 5e-4, 0.1, 0.9, 1, None),
}
ALIKE = ("mtt", "datm", "dc", "dsa", "dm")
"""Their steps are the same where one batch holds the whole set."""


def short(name: str, epochs: int) -> PaperProtocol:
    return dataclasses.replace(PAPERS[name], epochs=epochs)


def by_torch(name: str, epochs: int, lr: float, images: torch.Tensor, labels: torch.Tensor) -> list[torch.Tensor]:
    """The parameters after each epoch of the last training."""
    _, decay, factor, later, passes, _ = PUBLISHED[name]
    with torch.random.fork_rng():
        module = NET.settings.build(SHAPE, CLASSES)
    nn.utils.vector_to_parameters(NET.init(stream(0, "train")), module.parameters())
    for _ in range(passes):
        seen, rate = [], lr
        sgd = torch.optim.SGD(module.parameters(), lr=rate, momentum=0.9, weight_decay=decay)
        for epoch in range(epochs + 1):
            sgd.zero_grad()
            F.cross_entropy(module(images), labels).backward()
            sgd.step()
            seen.append(nn.utils.parameters_to_vector(module.parameters()).detach())
            if epoch == epochs // 2 + 1:
                rate *= factor
                sgd = torch.optim.SGD(module.parameters(), lr=rate, momentum=later, weight_decay=decay)
    return seen


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("name", PUBLISHED)
def test_every_schedule_is_that_of_a_plain_loop(name: str, soft: bool) -> None:
    """Full batches without augmentation: an epoch is a step, and only the order of sums within a batch differs."""
    draw = stream(0, "pool")
    images = torch.randn(SIZE, *SHAPE, generator=draw)
    labels = (torch.rand(SIZE, CLASSES, generator=draw) * 3).softmax(1) if soft else torch.arange(SIZE) % CLASSES
    epochs, lr = 40, 0.05
    protocol, generator, members = short(name, epochs), stream(0, "train"), torch.arange(SIZE)[None]
    trained = None
    for _ in range(protocol.passes):
        seen: list[torch.Tensor] = []

        def watch(_: int, now: Trained, seen: list[torch.Tensor] = seen) -> None:
            seen.append(now.theta[0].clone())

        trained = train_networks(
            NET,
            Pool(images, labels, members),
            torch.tensor([lr]),
            protocol.training(SIZE),
            DSA(""),
            generator,
            start=trained,
            watch=watch,
        )
    expected = by_torch(name, epochs, lr, images, labels)
    torch.testing.assert_close(torch.stack(seen), torch.stack(expected), atol=5e-5, rtol=1e-3)
    assert len(expected) == epochs + 1
    # The oracle would notice another schedule: they differ by far more than the tolerance.
    for other in PUBLISHED.keys() - ({name} if name not in ALIKE else set(ALIKE)):
        assert (by_torch(other, epochs, lr, images, labels)[-1] - expected[-1]).abs().max() > 1e-3


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_table_holds_the_published_numbers(name: str) -> None:
    batch, decay, factor, later, passes, every = PUBLISHED[name]
    protocol = PAPERS[name]
    for size, steps_an_epoch in ((10, 1), (batch, 1), (batch + 1, 2), (500, -(-500 // batch))):
        training, looks = protocol.training(size), protocol.looks(size)
        # 1001 epochs (DC: 301); the new optimiser is made when epoch 501 (151), counted from 0, is over
        last, drop = (300, 152) if name == "dc" else (1000, 502)
        assert (training.steps, training.drop_at) == ((last + 1) * steps_an_epoch, drop * steps_an_epoch)
        assert (training.batch, training.weight_decay, training.momentum) == (batch, decay, 0.9)
        assert (training.drop_factor, training.drop_momentum, training.drop_resets) == (factor, later, True)
        epochs = [epoch for epoch in range(last + 1) if (epoch == last if every is None else epoch % every == 0)]
        assert list(looks) == [(epoch + 1) * steps_an_epoch for epoch in epochs]
    assert (protocol.name, protocol.passes) == (name, passes)
    assert protocol.of_snapshots == protocol.selects == (name not in ("dc", "dsa", "dm"))
    assert protocol.augmented == (name != "dc")


def test_dc_augments_on_mnist_and_under_batch_norm() -> None:
    """get_daparam and main.py of VICO-UoE/DatasetCondensation: 1,000 epochs where something is augmented, else 300."""
    dc, dsa = PAPERS["dc"], DSA("color_crop_flip")
    plain, normed = parse_net("convnet"), parse_net("convnet(norm=batch)")
    for data, net, epochs, strategy in (
        ("mnist", plain, 1000, "dc:crop_scale_rotate"),
        ("MNIST", plain, 1000, "dc:crop_scale_rotate"),
        ("mnist", normed, 1000, "dc:crop_noise"),
        ("cifar10", normed, 1000, "dc:crop_noise"),
        ("cifar10", plain, 300, ""),
        ("fashion-mnist", plain, 300, ""),
        ("cifar10", parse_net("resnet18(norm=batch)"), 300, ""),
    ):
        there = dc.on(data, net)
        assert (there.epochs, there.augmentation(dsa, True).strategy) == (epochs, strategy)
        assert there.training(10).steps == epochs + 1 and not there.mirrors and not there.selects
        assert there.remark == dc.remark and "data named mnist" in there.remark
    assert all(PAPERS[name].on("mnist", normed) is PAPERS[name] for name in PAPERS if name != "dc")


def test_remarks_state_which_protocols_are_missing() -> None:
    for name in ("infer", "infer-dyn"):
        assert "their release has no evaluation for Tiny-ImageNet" in PAPERS[name].remark
    assert "Tiny-ImageNet and ImageNet are not implemented" in PAPERS["sre2l"].remark


def test_an_epoch_that_is_not_looked_at_last() -> None:
    """As in the released code, the last step counts only where the number of epochs is a multiple of 20."""
    assert list(short("ast", 50).looks(10)) == [1, 21, 41]
    assert list(short("mtt", 50).looks(10)) == [51]


def test_infers_last_epoch_is_looked_at() -> None:
    """UFC's code tests where epoch % 10 == 0 or epoch == epochs - 1, of 400 epochs under static labels and 80 under
    dynamic ones."""
    for name, epochs in (("infer", 400), ("infer-dyn", 80)):
        looks = PAPERS[name].looks(100)  # two steps an epoch
        assert list(looks) == [2 * (e + 1) for e in range(epochs) if e % 10 == 0 or e == epochs - 1]
        assert looks[-1] == PAPERS[name].training(100).steps


def test_ncfms_are_those_of_its_release() -> None:
    """2,000 epochs in batches of 128, AdamW at 1e-3 that is halved after each fifth of them, tested every 100 epochs;
    each image is mirrored with probability 1/2, coloured, and cropped, scaled or rotated; half of the batches are
    mixed by CutMix."""
    protocol = PAPERS["ncfm"]
    training, looks = protocol.training(400), protocol.looks(400)
    assert (training.steps, training.batch, training.optimiser, training.halvings) == (8000, 128, "adamw", 4)
    assert (training.weight_decay, training.cutmix, training.mixup, protocol.lr) == (0.01, 0.5, 0, 1e-3)
    assert list(looks) == [4 * (epoch + 1) for epoch in range(2000) if epoch % 100 == 0 or epoch == 1999]
    assert protocol.selects and not protocol.of_snapshots
    assert protocol.augmentation(DSA(""), True).strategy == "flip+color+crop_scale_rotate"
    assert protocol.augmentation(DSA(""), False).strategy == "color+crop_scale_rotate"


def test_names() -> None:
    papers = ("paper-mtt", "paper-ftd", "paper-ast", "paper-datm", "paper-dc", "paper-dsa", "paper-dm", "paper-ncfm")
    papers += ("paper-infer", "paper-infer-dyn", "paper-sre2l")
    assert PROTOCOLS == ("honest", "paper", *papers)
    expected = {"ftd": "paper-ftd", "ast": "paper-ast", "herding": "paper-mtt", "ncfm-release": "paper-ncfm"}
    assert {method: full_name("paper", method) for method in expected} == expected
    assert [full_name(name, "ftd") for name in ("honest", "paper-datm")] == ["honest", "paper-datm"]
    assert full_name("paper", "infer", labelled=True) == "paper-infer"
    for method in ("rded", "ftd"):
        with pytest.raises(UsageError, match=f"does not use teachers' labels, and this set of {method} has such"):
            full_name("paper", method, labelled=True)
    with pytest.raises(UsageError, match=r"^protocol 'paper-aste' is unknown; did you mean paper-ast") as caught:
        full_name("paper-aste", "ftd")
    assert "\n" not in str(caught.value)
