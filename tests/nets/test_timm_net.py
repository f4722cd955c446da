"""timm's and torchvision's networks by name, against the libraries' own modules."""

import sys

import pytest
import torch
from torch.func import functional_call
from torch.testing import assert_close

from ddkit.errors import UsageError
from ddkit.nets import FlatNet, parse_net, refuse_trained
from ddkit.nets.torchvision_net import TorchvisionSettings
from ddkit.randomness import stream

timm = pytest.importorskip("timm")

SMALL = [
    ("timm:vit_tiny_patch16_224", (3, 32, 48)),
    ("timm:resnet10t", (1, 32, 32)),
    ("shufflenet_v2_x0_5", (3, 32, 32)),
]


@pytest.mark.parametrize(("spec", "shape"), SMALL)
def test_it_says_what_the_librarys_own_module_says(spec: str, shape: tuple[int, int, int]) -> None:
    net = FlatNet(parse_net(spec), shape, 5)
    theta, x = net.init(stream(0, "a"), torch.float64), torch.randn(2, *shape, generator=stream(0, "x")).double()
    with torch.random.fork_rng():
        if spec.startswith("timm:"):
            size = {"img_size": shape[1:]} if "vit" in spec else {}
            theirs = timm.create_model(spec[5:], num_classes=5, in_chans=shape[0], **size)
        else:
            from torchvision.models import get_model

            theirs = get_model(spec, num_classes=5)
    values = {name.removeprefix("module."): value for name, value in net.unflatten(theta).items()}
    assert set(values) == {name for name, _ in theirs.named_parameters()}
    found = functional_call(theirs.double().eval(), values, x)
    assert_close(net(theta, x, net.init_stats(theta)), found, rtol=1e-10, atol=1e-10)


def test_torchvisions_own_name_is_the_network_that_torchvision_in_brackets_is() -> None:
    assert parse_net("resnet50") == parse_net("torchvision(model=resnet50)") == TorchvisionSettings(model="resnet50")
    assert parse_net("resnet50").spec == "torchvision(model=resnet50)"
    assert parse_net("resnet18").name == "resnet18"  # ddkit's own
    with pytest.raises(UsageError, match="must be one of resnet50, got 'vgg16'"):
        parse_net("resnet50(model=vgg16)")


@pytest.mark.parametrize(
    ("spec", "shape", "words"),
    [
        ("resnet50", (1, 32, 32), r"takes images of 3 channels, got 1; use RGB images, or timm:resnet50"),
        ("vit_b_16", (3, 40, 40), r"needs square images whose side is a multiple of 16 pixels, got 40x40"),
        ("timm:resnet1888", (3, 32, 32), r"net 'timm:resnet1888': is unknown; did you mean"),
        ("resnett50", (3, 32, 32), r"net 'resnett50' is unknown"),
        ("torchvision(model=resnett50)", (3, 32, 32), r"model 'resnett50' is unknown; did you mean"),
    ],
)
def test_what_does_not_fit_is_one_line(spec: str, shape: tuple[int, int, int], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        FlatNet(parse_net(spec), shape, 5)


def test_without_timm_a_line_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(UsageError, match=r"timm is not installed; run: pip install 'ddkit\[timm\]'"):
        parse_net("timm:resnet18")


def test_pretrained_weights_are_for_teachers_and_reach_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    settings, asked = parse_net("timm:resnet10t(pretrained=true)"), []
    with pytest.raises(UsageError, match=r"starts from pretrained weights, which only teachers may"):
        refuse_trained(settings)
    original = timm.create_model
    monkeypatch.setattr(
        timm,
        "create_model",
        lambda *a, **k: asked.append(k["pretrained"]) or original(*a, **{**k, "pretrained": False}),
    )
    FlatNet(settings, (3, 32, 32), 5)
    assert set(asked) == {True} and settings.spec == "timm:resnet10t(pretrained=true)"
