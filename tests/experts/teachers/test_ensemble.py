"""An ensemble of teachers, against each teacher alone."""

import pytest
import torch

from ddkit.errors import NumericalError
from ddkit.experts import Bundle, Ensemble
from ddkit.experts.teachers import ensemble as module
from ddkit.experts.teachers.bundle import TeacherFacts
from ddkit.nets import FlatNet, parse_net
from ddkit.randomness import stream

SPECS = ["convnet(depth=1, width=4, norm=batch)", "mlp(depth=1, width=8)"]


def teacher(spec: str) -> Bundle:
    net, draw = FlatNet(parse_net(spec), (1, 8, 8), 3), stream(0, "teacher", spec)
    theta = net.init(draw)
    stats = {name: value + torch.rand(value.shape, generator=draw) for name, value in net.init_stats(theta).items()}
    facts = TeacherFacts(net=net.spec, shape=(1, 8, 8), classes=("a", "b", "c"), data="tiny", data_digest="d",
                         mean=(0.5,), std=(0.2,), validation_accuracy=0.5)  # fmt: skip
    return Bundle(theta, stats, facts)


BUNDLES = tuple(teacher(spec) for spec in SPECS)
IMAGES = torch.randn(11, 1, 8, 8, generator=stream(0, "images"))


@pytest.mark.parametrize("chunk", [250, 4, 1])
def test_logits_are_the_mean_of_each_ones(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(module, "CHUNK", chunk)
    expected = sum(bundle.net(bundle.theta, IMAGES, bundle.stats) for bundle in BUNDLES) / 2
    found = Ensemble(BUNDLES).logits(IMAGES)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    assert not found.requires_grad


def test_labels_are_what_float16_holds() -> None:
    labels, logits = Ensemble(BUNDLES).labels(IMAGES), Ensemble(BUNDLES).logits(IMAGES)
    assert labels.dtype == torch.float32 and torch.equal(labels, logits.half().float())
    assert not torch.equal(labels, logits)


def test_labels_of_both_orientations_do_not_tell_them_apart() -> None:
    both, one = Ensemble(BUNDLES).of_both_orientations(True), Ensemble(BUNDLES)
    expected = (one.logits(IMAGES) + one.logits(IMAGES.flip(-1))) / 2
    assert torch.equal(both.labels(IMAGES), both.labels(IMAGES.flip(-1)))
    torch.testing.assert_close(both.labels(IMAGES), expected, rtol=1e-3, atol=1e-4)
    assert not torch.allclose(both.labels(IMAGES), one.labels(IMAGES), atol=1e-2)
    assert torch.equal(both.logits(IMAGES), one.logits(IMAGES))  # of a batch, as it was mirrored or not
    assert set(both.names).isdisjoint(one.names) and both.of_both_orientations(False) == one


@pytest.mark.parametrize("factor", [1e7, float("nan"), float("inf")])
def test_labels_that_float16_cannot_hold_are_one_line(factor: float) -> None:
    lost = Bundle(BUNDLES[0].theta * factor, BUNDLES[0].stats, BUNDLES[0].facts)
    with pytest.raises(NumericalError, match="not finite, or too large for float16") as caught:
        Ensemble((lost,)).labels(IMAGES)
    assert "\n" not in str(caught.value)


def test_under_the_statistics_of_the_images_all_are_seen_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """However small the parts would be."""
    monkeypatch.setattr(module, "CHUNK", 4)
    only = Ensemble(BUNDLES[:1], batch_stats=True)
    torch.testing.assert_close(only.logits(IMAGES), BUNDLES[0].net(BUNDLES[0].theta, IMAGES), rtol=1e-5, atol=1e-6)
    assert not torch.allclose(only.logits(IMAGES), Ensemble(BUNDLES[:1]).logits(IMAGES), atol=1e-3)
    own = Ensemble(BUNDLES[:1])
    assert own.under("batch").names == only.names == (f"{own.names[0]} under batch statistics",)
    assert own.under("batch").under("running").names == own.names


def test_accuracy_names_and_size() -> None:
    both = Ensemble(BUNDLES)
    predicted = both.logits(IMAGES).argmax(1)
    labels = predicted.clone()
    labels[:4] = (labels[:4] + 1) % 3
    assert both.accuracy(IMAGES, labels) == pytest.approx(7 / 11)
    assert both.size == sum(bundle.size for bundle in BUNDLES) and len(both) == 2 and list(both) == list(BUNDLES)
    assert [name.split(" ")[-1] for name in both.names] == [bundle.digest[:8] for bundle in BUNDLES]
