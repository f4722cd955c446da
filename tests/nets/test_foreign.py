"""Networks of other code against their own modules, finite differences, and a line for each part that is refused."""

import pickle
import random
from pathlib import Path

import numpy as np
import own_nets
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call
from torch.testing import assert_close

from ddkit.errors import UsageError
from ddkit.nets import FlatNet, parse_net
from ddkit.randomness import stream

SHAPE = (2, 8, 8)
OWN = ("small", "plain", "Attends", "Tied", "Frozen")


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    return own_nets.write(tmp_path, monkeypatch)


def flat(spec: str, shape: tuple[int, int, int] = SHAPE, classes: int = 3) -> FlatNet:
    return FlatNet(parse_net(spec), shape, classes)


def module_of(net: FlatNet) -> nn.Module:
    """The user's module as it is, without ddkit."""
    with torch.random.fork_rng():
        return net.settings.make(net.shape, net.classes).double().eval()


def named(net: FlatNet, theta: torch.Tensor) -> dict[str, torch.Tensor]:
    return {name.removeprefix("module."): value for name, value in net.unflatten(theta).items()}


@pytest.mark.parametrize("name", OWN)
def test_a_call_is_the_users_module_with_these_parameters(own: str, name: str) -> None:
    net = flat(own + name)
    module, theta = module_of(net), net.init(stream(0, "a"), torch.float64)
    x = torch.randn(3, *SHAPE, generator=stream(0, "x"), dtype=torch.float64)
    stats = net.init_stats(theta)
    assert_close(net(theta, x, stats), functional_call(module, named(net, theta), x))
    assert net.parameters == sum(p.numel() for p in module.parameters() if p.requires_grad)
    features = net.features(theta, x, stats)
    weight, bias = theta[-net.head_size :].split([net.head_size - 3, 3])
    assert_close(net(theta, x, stats), F.linear(features, weight.view(3, -1), bias))
    again = pickle.loads(pickle.dumps(net))
    assert torch.equal(again(theta, x), net(theta, x)) and again.settings == net.settings


@pytest.mark.parametrize("name", ["plain", "Attends", "Tied", "Frozen"])
def test_first_and_second_derivatives_agree_with_finite_differences(own: str, name: str) -> None:
    net = flat(own + name)
    theta = net.init(stream(0, "a"), torch.float64).requires_grad_()
    x = torch.randn(2, *SHAPE, generator=stream(0, "x"), dtype=torch.float64)
    along = torch.randn(net.parameters, generator=stream(0, "v"), dtype=torch.float64)

    def gradient(at: torch.Tensor, graph: bool = False) -> torch.Tensor:
        return torch.autograd.grad(net(at, x).square().sum(), at, create_graph=graph)[0]

    (product,) = torch.autograd.grad(gradient(theta, True), theta, along)
    difference = (gradient(theta + 1e-6 * along) - gradient(theta - 1e-6 * along)) / 2e-6
    assert product.norm() > 0
    assert_close(product, difference, rtol=1e-5, atol=1e-7 * float(product.norm()))


def test_initial_values_are_those_of_the_users_code_and_the_global_generators_do_not_move(own: str) -> None:
    net = flat(own + "Attends")
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    theta = net.init(stream(0, "a"))
    assert torch.equal(torch.get_rng_state(), before[0]) and random.getstate() == before[2]
    assert np.array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002
    assert torch.equal(theta, net.init(stream(0, "a"))) and not torch.equal(theta, net.init(stream(0, "b")))
    seed = int(torch.randint(2**31 - 1, (1,), generator=stream(0, "a")))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = net.settings.make(net.shape, net.classes)
    for name, value in named(net, theta).items():
        assert torch.equal(value, module.get_parameter(name))


def test_batch_norm_keeps_its_own_momentum(own: str) -> None:
    net = flat(own + "small")
    module, theta = module_of(net), net.init(stream(0, "a"), torch.float64)
    module.train()[5].eval()  # the dropout
    stats = net.init_stats(theta)
    for batch in torch.randn(3, 5, *SHAPE, generator=stream(0, "x"), dtype=torch.float64):
        assert_close(net.train(theta, batch, stats), functional_call(module, named(net, theta), batch))
    for name, value in stats.items():
        assert_close(value, module.get_buffer(name.removeprefix("module.")))
    assert net.remarks[-1] == "its dropout ('5') is off, because ddkit's networks draw no random numbers"


REFUSED = {
    "layer '1' (LSTM) holds its weights twice": "nn.Sequential(nn.Flatten(), nn.LSTM(128, 3))",
    "'1.weight' has no size yet": "nn.Sequential(nn.Flatten(), nn.LazyLinear(3))",
    "parameter '1.weight' is torch.float16": "nn.Sequential(nn.Flatten(), nn.Linear(128, 3)).half()",
    "'mask' is drawn at random but not trained": "masked()",
    "training changes its buffer 'seen'": "Counts(128, 3)",
    "gives other logits at each call": "Noisy(128, 3)",
    "must give logits of shape (2, 3) for 2 images, got shape (2, 4)": "nn.Sequential(nn.Flatten(), nn.Linear(128, 4))",
    "must give logits of shape (2, 3) for 2 images, got tuple": "Pair(128, 3)",
    "must be built as a torch.nn.Module, got int": "3",
    "'1' (BatchNorm2d) has momentum=None": "nn.Sequential(nn.Conv2d(2, 3, 8), nn.BatchNorm2d(3, momentum=None))",
    "has no parameter that can be trained": "nn.Flatten()",
    "fails on images of shape (2, 8, 8) (RuntimeError": "nn.Conv2d(5, 3, 1)",
    "cannot be built for images of shape (2, 8, 8) and 3 classes (ZeroDivisionError": "1 / 0",
}
ODD = """
import torch
from torch import nn


class Flat(nn.Linear):
    def forward(self, x):
        return super().forward(x.flatten(1))


class Counts(Flat):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.register_buffer("seen", torch.zeros(1))

    def forward(self, x):
        if self.training:
            self.seen += len(x)
        return super().forward(x)


class Noisy(Flat):
    def forward(self, x):
        return super().forward(nn.functional.dropout(x))


class Pair(Flat):
    def forward(self, x):
        return super().forward(x), x


def masked():
    made = Flat(128, 3)
    made.register_buffer("mask", torch.rand(3))
    return made


def odd(channels, size, classes):
    return {}
"""


@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_trained_is_refused_by_name(words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = own_nets.write(tmp_path, monkeypatch, ODD.replace("return {}", f"return {REFUSED[words]}"), "odd")
    with pytest.raises(UsageError) as raised:
        flat(start + "odd")
    assert words in str(raised.value) and "\n" not in str(raised.value) and "py:odd:odd@" in str(raised.value)


def test_a_network_without_a_linear_classifier_has_no_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        own_nets.NETS
        + "\n\ndef pooled(channels, size, classes):\n    "
        + "return nn.Sequential(nn.Conv2d(channels, classes, 8), nn.Flatten())\n"
    )
    net = flat(own_nets.write(tmp_path, monkeypatch, text) + "pooled")
    theta, x = net.init(stream(0, "a")), torch.ones(2, *SHAPE)
    assert net(theta, x).shape == (2, 3)
    for wanted in (lambda: net.features(theta, x), lambda: net.head_size):
        with pytest.raises(UsageError, match="has no features before the classifier"):
            wanted()
