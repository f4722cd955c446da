"""Networks that begin with weights trained elsewhere, by a module that takes timm's place."""

import copy
import sys
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from ddkit.experts import population_stats
from ddkit.nets import FlatNet, parse_net
from ddkit.randomness import stream

SHAPE = (3, 8, 8)


def trained() -> nn.Module:
    """A network after some batches of images that are neither around 0 nor of variance 1."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5)
        )
        for _ in range(20):
            module(3 + 2 * torch.randn(16, *SHAPE))
    return module.eval()


@pytest.fixture
def net(monkeypatch: pytest.MonkeyPatch) -> FlatNet:
    weights = trained()

    def create_model(name: str, *, pretrained: bool, in_chans: int, num_classes: int) -> nn.Module:
        return copy.deepcopy(weights) if pretrained else nn.Sequential(nn.Flatten(), nn.Linear(192, 5))

    fake = SimpleNamespace(is_model=lambda name: True, get_pretrained_cfg=lambda name: None, create_model=create_model)
    monkeypatch.setitem(sys.modules, "timm", fake)
    return FlatNet(parse_net("timm:fake_of_this_test(pretrained=true)"), SHAPE, 5)


def test_running_statistics_begin_at_those_of_the_weights(net: FlatNet) -> None:
    theta, x = net.init(stream(0, "a"), torch.float64), torch.randn(4, *SHAPE, generator=stream(0, "x")).double()
    stats, module = net.init_stats(theta), trained().double()
    assert_close(net(theta, x, stats), module(x), rtol=1e-12, atol=1e-12)
    module.train()
    assert_close(net.train(theta, x, stats), module(x), rtol=1e-12, atol=1e-12)  # moves both
    assert_close(net(theta, x, stats), module.eval()(x), rtol=1e-12, atol=1e-12)
    again = net.init_stats(theta)  # not those that moved
    assert {name: value.tolist() for name, value in again.items()} == {
        f"module.{name}": value.tolist() for name, value in trained().double().named_buffers() if "running" in name
    }


def test_a_teachers_statistics_are_measured_on_its_data_wherever_they_began(net: FlatNet) -> None:
    theta, images = net.init(stream(0, "a")), 1 + torch.rand(40, *SHAPE, generator=stream(0, "images"))
    found = population_stats(net, theta, images)
    seen = trained()[0](images).transpose(0, 1).flatten(1)
    assert_close(found["module.1.running_mean"], seen.mean(1), rtol=1e-5, atol=1e-6)
    assert_close(found["module.1.running_var"], seen.var(1), rtol=1e-4, atol=1e-6)
