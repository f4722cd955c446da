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
    "a call in training mode changes its buffer 'seen'": "Counts(128, 3)",
    "a call in training mode changes its parameter 'weight'": "Clipped(128, 3)",
    "draws constants at random that are no parameters": "Hidden(128, 3)",
    "differs in size or name between two": "nn.Sequential(*[nn.Flatten()] * random.randint(1, 9), nn.Linear(128, 3))",
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
import random

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


class Clipped(Flat):
    def forward(self, x):
        self.weight.data.clamp_(-0.01, 0.01)
        return super().forward(x)


class Hidden(Flat):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.mask = torch.rand(128)  # neither a parameter nor a buffer

    def forward(self, x):
        return super().forward(x.flatten(1) * self.mask)


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


KINDS = """
import torch
import torch.nn.functional as F
from torch import nn


class Base(nn.Module):
    def __init__(self, channels, size, classes):
        super().__init__()
        self.into = nn.Linear(channels * size[0] * size[1], 8)
        self.head = nn.Linear(8, classes)

    def forward(self, x):
        return self.head(self.into(x.flatten(1)).tanh())


class Clamps(Base):
    def forward(self, x):
        return super().forward(x.clamp_(-0.1, 0.1))


class Shifts(Base):
    def forward(self, x):
        x -= 0.5
        return super().forward(x)


class Drops(Base):
    def forward(self, x):
        return super().forward(F.dropout(x, 0.5, self.training))


class Pair(Base):
    def forward(self, x):
        out = super().forward(x)
        return (out, out) if self.training else out


class Later(Base):
    def forward(self, x):
        out = super().forward(x)
        out += 3
        return out


class Cosine(nn.Linear):
    def forward(self, x):
        return 10 * F.linear(F.normalize(x), F.normalize(self.weight))


class Angles(Base):
    def __init__(self, channels, size, classes):
        super().__init__(channels, size, classes)
        self.head = Cosine(8, classes)


class Fixed(Base):
    def __init__(self, channels, size, classes):
        super().__init__(channels, size, classes)
        self.head.requires_grad_(False)
        self.head.weight.fill_(0.1)
        self.head.bias.fill_(0.2)


class Two(Base):
    def forward(self, x):
        assert len(x) == 2
        return super().forward(x)


def names(channels, size, classes, name="x", spec=1, factory="y", build=0, odd=float("inf"), text="a, b", empty="",
          true="true", number="3"):
    return Base(channels, size, classes)
"""


@pytest.fixture
def kinds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    return own_nets.write(tmp_path, monkeypatch, KINDS, "kinds")


@pytest.mark.parametrize("name", ["Clamps", "Shifts"])
def test_a_network_that_changes_its_input_in_place_leaves_the_images_as_they_are(kinds: str, name: str) -> None:
    net = flat(kinds + name)
    module, theta = module_of(net), net.init(stream(0, "a"), torch.float64)
    x = torch.randn(3, *SHAPE, generator=stream(0, "x"), dtype=torch.float64, requires_grad=True)
    before = x.detach().clone()
    found = net(theta, x)
    (gradient,) = torch.autograd.grad(found.square().sum(), x)
    assert torch.equal(x.detach(), before) and gradient.abs().sum() > 0
    assert_close(found, functional_call(module, named(net, theta), before.clone()))


def test_a_line_says_what_training_mode_has_beside_dropout_layers(kinds: str) -> None:
    assert "draws at random in training mode, such as dropout, is off" in flat(kinds + "Drops").remarks[-1]
    assert flat(kinds + "Pair").remarks[-1] == "in training mode it gives tuple; ddkit trains on the logits alone"
    assert len(flat(kinds + "Base").remarks) == 1


@pytest.mark.parametrize("name", ["Later", "Angles", "Fixed"])
def test_a_temperature_is_refused_where_half_of_the_heads_parameters_do_not_halve_the_logits(
    kinds: str, name: str
) -> None:
    net = flat(kinds + name)
    assert net.features(net.init(stream(0, "a")), torch.ones(2, *SHAPE)).shape == (2, 8)
    with pytest.raises(UsageError, match="are not proportional to the parameters of its last linear layer"):
        _ = net.head_size


def test_a_module_that_fails_later_is_one_line(kinds: str) -> None:
    net = flat(kinds + "Two")
    with pytest.raises(UsageError, match=r"Two@.*: fails on a batch of shape \(3, 2, 8, 8\) \(AssertionError"):
        net(net.init(stream(0, "a")), torch.ones(3, *SHAPE))


def test_arguments_of_any_name_and_texts_of_any_form_stay_readable(kinds: str) -> None:
    settings = parse_net(kinds + "names")
    assert settings.spec.endswith('(text="a, b", empty="", true="true", number="3")')
    assert settings.spec.startswith(f"{kinds}names@") and parse_net(settings.spec) == settings
    other = parse_net(kinds + 'names(text="b,\\n(c=1)", true=false_)')
    assert (other.text, other.true) == ("b,\n(c=1)", "false_") and parse_net(other.spec) == other
    flat(kinds + "names")
