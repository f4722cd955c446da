"""Training targets of batches: mixing by its identities, labels of teachers, and the temperature by autograd."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ddkit.data import DSA
from ddkit.evaluation import trainer
from ddkit.evaluation.label_targets import CLASSES, LabelTargets, Mixer, softened
from ddkit.evaluation.pool import Pool
from ddkit.evaluation.trainer import Trained, train_networks
from ddkit.evaluation.training import Training
from ddkit.experts import Bundle, Ensemble
from ddkit.experts.teachers.bundle import TeacherFacts
from ddkit.nets import FlatNet, parse_net
from ddkit.randomness import stream

SHAPE, K = (1, 8, 8), 3
NETS = ["mlp(depth=1, width=16)", "convnet(depth=2, width=6)", "convnet(depth=2, width=6, norm=batch)"]
PLAIN = Training(steps=1, batch=6)
MIXED = dataclasses.replace(PLAIN, mixup=0.8)
CUT = dataclasses.replace(PLAIN, cutmix=0.5)
AS_PROBABILITIES = dataclasses.replace(MIXED, mix_probabilities=True)


def teacher(seed: int) -> Bundle:
    net, draw = FlatNet(parse_net(NETS[2]), SHAPE, K), stream(seed, "teacher")
    theta = net.init(draw) * 2
    stats = {name: value + torch.rand(value.shape, generator=draw) for name, value in net.init_stats(theta).items()}
    facts = TeacherFacts(net=net.spec, shape=SHAPE, classes=("a", "b", "c"), data="tiny", data_digest="d",
                         mean=(0.5,), std=(0.2,), validation_accuracy=0.5)  # fmt: skip
    return Bundle(theta, stats, facts)


TEACHERS = Ensemble((teacher(0), teacher(1)))
X = torch.randn(2, 6, *SHAPE, generator=stream(0, "x"))
CLASS = torch.randint(K, (2, 6), generator=stream(0, "y"))
LOGITS = 9 * torch.randn(2, 6, K, generator=stream(0, "logits"))


def mixer(training: Training, seed: int = 0) -> Mixer:
    return Mixer(training, K, stream(seed, "mix"))


def mixture(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """(weight, other): how a mixer of this seed mixes, found out with images that are unit vectors [n, b, b]."""
    units = torch.eye(6).expand(2, 6, 6).reshape(2, 6, 6, 1, 1)
    mixed, _ = mixer(MIXED, seed).target(units, CLASS, CLASSES)
    return mixed.flatten(2), units.flatten(2)


def test_without_mixup_labels_stay_and_nothing_is_drawn() -> None:
    draw = stream(0, "mix")
    before = draw.get_state()
    x, y = Mixer(PLAIN, K, draw).target(X, CLASS, CLASSES)
    assert x is X and y is CLASS and torch.equal(draw.get_state(), before)
    probabilities = LOGITS.softmax(-1)
    assert mixer(PLAIN).target(X, probabilities, CLASSES)[1] is probabilities


def test_a_share_and_a_partner_for_each_image() -> None:
    """The mixture is a matrix whose rows sum to 1: share on oneself, the rest on another; one share a network."""
    weights, _ = mixture()
    torch.testing.assert_close(weights.sum(2), torch.ones(2, 6))
    torch.testing.assert_close(weights.sum(1), torch.ones(2, 6))  # the partners are a permutation
    for own in weights:
        diagonal = own.diagonal()
        share = {round(float(v), 5) for v in diagonal if v < 1}  # an image may be its own partner
        assert len(share) == 1 and all(len(row.nonzero()) <= 2 for row in own)
    assert not torch.allclose(weights[0], weights[1])
    again = mixer(MIXED)
    assert torch.equal(*(mixer(MIXED).target(X, CLASS, CLASSES)[0] for _ in range(2)))
    first, second = (again.target(X, CLASS, CLASSES)[0] for _ in range(2))
    assert not torch.equal(first, second)  # drawn anew at each batch


def test_shares_are_those_of_a_beta_distribution() -> None:
    units = torch.eye(6).expand(500, 6, 6).reshape(500, 6, 6, 1, 1)
    mixed, _ = mixer(MIXED).target(units, CLASS[:1].expand(500, -1), CLASSES)
    shares = mixed.flatten(2).diagonal(dim1=1, dim2=2).min(1).values  # all six can hardly be their own partners
    assert float(shares.mean()) == pytest.approx(0.5, abs=0.06)
    assert float(shares.var()) == pytest.approx(0.25 / (2 * 0.8 + 1), rel=0.15)  # ab / ((a + b)^2 (a + b + 1))


def test_images_and_labels_are_mixed_alike() -> None:
    weights, _ = mixture()
    x, y = mixer(MIXED).target(X, CLASS, CLASSES)
    torch.testing.assert_close(x, torch.einsum("nab,nbchw->nachw", weights, X))
    torch.testing.assert_close(y, weights @ F.one_hot(CLASS, K).float())


def test_logits_are_mixed_as_logits() -> None:
    weights, _ = mixture()
    _, y = mixer(MIXED).target(X, LOGITS, LabelTargets(temperature=4.0))
    torch.testing.assert_close(y, (weights @ LOGITS / 4).softmax(-1))


def test_or_as_probabilities_which_is_another_thing() -> None:
    weights, _ = mixture()
    x, y = mixer(AS_PROBABILITIES).target(X, LOGITS, LabelTargets(temperature=4.0))
    torch.testing.assert_close(y, weights @ (LOGITS / 4).softmax(-1))
    as_logits, other = mixer(MIXED).target(X, LOGITS, LabelTargets(temperature=4.0))
    assert torch.equal(x, as_logits) and (y - other).abs().max() > 0.05
    for training in (MIXED, AS_PROBABILITIES):  # classes and probabilities have one way only
        torch.testing.assert_close(mixer(training).target(X, CLASS, CLASSES)[1], weights @ F.one_hot(CLASS, K).float())


def test_a_batch_mixed_with_itself_is_itself() -> None:
    """Where all images and labels of a batch are equal, mixing is the identity, whatever the share."""
    x, y = X[:, :1].expand(-1, 6, -1, -1, -1), LOGITS[:, :1].expand(-1, 6, -1)
    for training in (MIXED, AS_PROBABILITIES):
        mixed, answer = mixer(training).target(x, y, LabelTargets(temperature=4.0))
        torch.testing.assert_close(mixed, x)
        torch.testing.assert_close(answer, (y / 4).softmax(-1))


def test_a_share_of_one_is_the_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    one = mixer(MIXED)
    monkeypatch.setattr(one, "_rng", type("Rng", (), {
        "beta": staticmethod(lambda a, b, n: __import__("numpy").ones(n)),
        "permutation": staticmethod(lambda b: __import__("numpy").arange(b)[::-1].copy()),
    })())  # fmt: skip
    x, y = one.target(X, LOGITS, LabelTargets(temperature=4.0))
    assert torch.equal(x, X)
    torch.testing.assert_close(y, (LOGITS / 4).softmax(-1))


def test_cutmix_replaces_a_box_and_mixes_labels_by_its_area() -> None:
    """One box and one permutation a network; the label's share is that of the pixels outside the box."""
    n, b, h, w = 300, 5, 8, 6
    x = torch.arange(b).float().view(1, b, 1, 1, 1).expand(n, b, 2, h, w)  # every pixel says whose it is
    mixed, y = mixer(CUT).target(x, torch.arange(b).expand(n, b) % K, CLASSES)
    areas = []
    for own, labels in zip(mixed, y, strict=True):
        inside = (own != x[0]).any(0).any(0)  # where some image has another's pixels
        rows, columns = inside.any(1), inside.any(0)
        assert torch.equal(inside, rows[:, None] & columns[None])  # a box
        assert all(bool(line.diff().abs().sum() <= 2) for line in (rows.int(), columns.int()))  # without gaps
        share = 1 - float(inside.float().mean())
        partner = own[:, 0][:, inside][:, 0].long() if inside.any() else torch.arange(b)
        assert sorted(partner.tolist()) == list(range(b))
        assert torch.equal(own, torch.where(inside, partner.view(b, 1, 1, 1).float(), x[0]))
        expected = share * F.one_hot(torch.arange(b) % K, K) + (1 - share) * F.one_hot(partner % K, K)
        torch.testing.assert_close(labels, expected)
        areas.append(1 - share)
    assert 0.3 < sum(area > 0 for area in areas) / n < 0.5  # half of the batches, fewer those whose box is empty
    assert max(areas) == pytest.approx(6 * 4 / (8 * 6))  # sides are below those of the image, and even


def test_the_boxes_have_the_published_sides() -> None:
    """Before they are cut at the border, a box has a share U(0, 1) of the area: both sides the same share of theirs."""
    one = mixer(dataclasses.replace(CUT, cutmix=1.0))
    spans = [one._span(side, 100) for side in (0.0, 0.5, 1.0) for _ in range(200)]
    assert {end - begin for begin, end in spans[:200]} == {0}
    assert max(end - begin for begin, end in spans[200:400]) == 50
    assert {begin == 0 or end == 100 or end - begin == 50 for begin, end in spans[200:400]} == {True}
    outside = one._pixels(4000, 64, 64).mean((1, 2))
    clipped = torch.rand(200_000, 3, generator=stream(0, "box"), dtype=torch.float64)  # the same by its definition
    half = clipped[:, :1].sqrt() / 2
    length = (clipped[:, 1:] + half).clamp(max=1) - (clipped[:, 1:] - half).clamp(min=0)
    assert float(outside.mean()) == pytest.approx(1 - float(length.prod(1).mean()), abs=0.02)


@pytest.mark.parametrize("training", [PLAIN, MIXED, AS_PROBABILITIES])
@pytest.mark.parametrize("own", [CLASS, LOGITS])
def test_teachers_name_the_batch_as_it_is_learned(training: Training, own: torch.Tensor) -> None:
    """The mixed images, whatever their labels were."""
    x, y = mixer(training).target(X, own, LabelTargets(temperature=4.0, teachers=TEACHERS))
    assert torch.equal(x, mixer(training).target(X, own, LabelTargets(temperature=4.0))[0])
    for batch, answer in zip(x, y, strict=True):
        logits = sum(bundle.net(bundle.theta, batch, bundle.stats) for bundle in TEACHERS) / 2
        torch.testing.assert_close(answer, (logits / 4).softmax(-1), rtol=1e-5, atol=1e-6)


def test_softened_divides_the_outputs() -> None:
    for spec in NETS:
        net = FlatNet(parse_net(spec), SHAPE, K)
        theta = net.init(stream(0, "theta"), torch.float64)
        factor = softened(theta, net.head_size, 20.0)
        assert factor is not None and softened(theta, net.head_size, 1.0) is None
        x = X[0].double()
        torch.testing.assert_close(net(theta * factor, x), net(theta, x) / 20, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("stack", [0, 99])
@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("temperature", [1.0, 5.0, 30.0])
@pytest.mark.parametrize("spec", NETS)
def test_a_step_at_a_temperature_is_that_of_a_plain_loop(
    spec: str, temperature: float, fused: bool, stack: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T^2 CE(softmax(y / T), softmax(output / T)) by autograd on the ordinary module, three steps of SGD, float64."""
    monkeypatch.setattr(trainer, "STACK_UP_TO", stack)
    if not fused:
        monkeypatch.setattr(trainer, "_fused_on_cpu", lambda net, theta: None)
    net, lr = FlatNet(parse_net(spec), SHAPE, K), 0.05
    begin = torch.stack([net.init(stream(i, "theta"), torch.float64) for i in range(2)])
    stats = {name: value.expand(2, *value.shape) for name, value in net.init_stats(begin[0]).items()}
    images, labels = X[0].double(), LOGITS[0].double()
    training = Training(steps=3, batch=6, drop_at=3, momentum=0.5, weight_decay=0.01)
    found = train_networks(
        net, Pool(images, labels, torch.arange(6).expand(2, -1), LabelTargets(temperature=temperature)),
        torch.full((2,), lr, dtype=torch.float64), training, DSA(""), stream(0, "train"),
        start=Trained(net, begin, stats),
    )  # fmt: skip
    for i in range(2):
        with torch.random.fork_rng():
            module = net.settings.build(SHAPE, K).double().train()
        nn.utils.vector_to_parameters(begin[i].clone(), module.parameters())
        sgd = torch.optim.SGD(module.parameters(), lr=lr, momentum=0.5, weight_decay=0.01)
        for _ in range(3):
            answer, wanted = (module(images) / temperature).log_softmax(1), (labels / temperature).softmax(1)
            sgd.zero_grad()
            (temperature**2 * -(wanted * answer).sum(1).mean()).backward()
            sgd.step()
        expected = nn.utils.parameters_to_vector(module.parameters()).detach()
        assert (expected - begin[i]).norm() > 1e-3
        torch.testing.assert_close(found.theta[i], expected, rtol=1e-8, atol=1e-9)
        buffers = dict(module.named_buffers())
        for name, values in found.stats.items():
            torch.testing.assert_close(values[i], buffers[name], rtol=1e-8, atol=1e-9)


def test_students_of_teachers_come_to_agree_with_them() -> None:
    """Dynamic labels end to end: AdamW and mixup, on images whose own labels are of no use."""
    net, draw = FlatNet(parse_net(NETS[1]), SHAPE, K), stream(0, "pool")
    images = torch.randn(60, *SHAPE, generator=draw)
    training = Training(steps=300, batch=60, optimiser="adamw", weight_decay=0.01, mixup=0.8)
    trained = train_networks(
        net, Pool(images, torch.zeros(60, dtype=torch.long), torch.arange(60)[None], LabelTargets(2.0, TEACHERS)),
        torch.tensor([0.01]), training, DSA(""), stream(0, "train"),
    )  # fmt: skip
    wanted = (TEACHERS.logits(images) / 2).softmax(1)
    answer = (net(trained.theta[0], images) / 2).log_softmax(1)
    constant = wanted.mean(0).log().expand_as(answer)  # the best answer that does not depend on the image

    def distance(answer: torch.Tensor) -> float:
        return float((wanted * (wanted.log() - answer)).sum(1).mean())

    assert distance(answer) < 0.6 * distance(constant)
