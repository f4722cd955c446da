"""What batch norms meet, against hooks on the ordinary module and a convolution by hand; where the head lies."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ddkit.nets import NETS, FlatNet, parse_net
from ddkit.randomness import stream

SHAPE, CLASSES = (2, 8, 8), 3
NORMED = ["convnet(depth=2, width=5, norm=batch)", "resnet18(norm=batch)"]


def drawn(spec: str, size: int = 6) -> tuple[FlatNet, torch.Tensor, torch.Tensor, dict[str, torch.Tensor]]:
    """A network with parameters, images and running statistics of its own, all float64."""
    net, draw = FlatNet(parse_net(spec), SHAPE, CLASSES), stream(0, "moments", spec)
    theta = net.init(draw, torch.float64)
    x = torch.randn(size, *SHAPE, generator=draw, dtype=torch.float64)
    stats = {
        name: value + torch.rand(value.shape, generator=draw, dtype=torch.float64)
        for name, value in net.init_stats(theta).items()
    }
    return net, theta, x, stats


def module_of(net: FlatNet, theta: torch.Tensor, stats: dict[str, torch.Tensor]) -> nn.Module:
    with torch.random.fork_rng():
        module = net.settings.build(net.shape, net.classes).double().eval()
    nn.utils.vector_to_parameters(theta, module.parameters())
    module.load_state_dict(stats, strict=False)
    return module


@pytest.mark.parametrize("spec", NORMED)
def test_moments_are_those_that_hooks_on_the_module_see(spec: str) -> None:
    """All inputs are written down by the module under running statistics, and reduced with NumPy afterwards."""
    net, theta, x, stats = drawn(spec)
    module, inputs = module_of(net, theta, stats), {}
    for name, layer in module.named_modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.register_forward_hook(lambda _, given, __, name=name: inputs.update({name: given[0].detach()}))
    expected = module(x)
    logits, moments = net.moments(theta, x, stats)
    torch.testing.assert_close(logits, expected, rtol=1e-12, atol=1e-12)
    assert list(moments) == list(inputs) and len(moments) == len(stats) // 2  # in the order in which they ran
    for name, (mean, variance) in moments.items():
        seen = inputs[name].numpy()
        torch.testing.assert_close(mean, torch.from_numpy(seen.mean((0, 2, 3)))[None], rtol=1e-11, atol=1e-12)
        torch.testing.assert_close(variance, torch.from_numpy(seen.var((0, 2, 3)))[None], rtol=1e-11, atol=1e-12)


def test_the_first_batch_norm_sees_a_convolution() -> None:
    net, theta, x, stats = drawn(NORMED[0])
    weights = net.unflatten(theta)
    (kernel, bias), (first, *_) = list(weights.items())[:2], net.moments(theta, x, stats)[1].values()
    assert "weight" in kernel[0] and "bias" in bias[0]
    maps = F.conv2d(x, kernel[1], bias[1], padding=1)
    torch.testing.assert_close(first[0][0], maps.mean((0, 2, 3)), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(first[1][0], maps.var((0, 2, 3), unbiased=False), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("spec", NORMED)
def test_groups_have_the_moments_they_would_have_alone(spec: str) -> None:
    """Under running statistics images do not see each other, so that parts of a batch are batches."""
    net, theta, x, stats = drawn(spec)
    logits, together = net.moments(theta, x, stats, groups=3)
    for group in range(3):
        own_logits, own = net.moments(theta, x[2 * group : 2 * group + 2], stats)
        torch.testing.assert_close(logits[2 * group : 2 * group + 2], own_logits, rtol=1e-12, atol=1e-12)
        for name, pair in own.items():
            assert together[name][0].shape[0] == 3
            for whole, alone in zip(together[name], pair, strict=True):
                torch.testing.assert_close(whole[group], alone[0], rtol=1e-11, atol=1e-12)


def test_moments_can_be_differentiated_and_leave_the_statistics_alone() -> None:
    net, theta, x, stats = drawn(NORMED[0], size=4)
    kept = {name: value.clone() for name, value in stats.items()}

    def last(x: torch.Tensor) -> torch.Tensor:
        return torch.cat([m for pair in net.moments(theta, x, stats, 2)[1].values() for m in pair], 1)

    assert torch.autograd.gradcheck(last, x[:, :, ::2, ::2].repeat_interleave(2, 2).repeat_interleave(2, 3)
                                    .contiguous().requires_grad_(), fast_mode=True)  # fmt: skip
    assert all(torch.equal(stats[name], kept[name]) for name in kept)
    assert torch.equal(net(theta, x, stats), net.moments(theta, x, stats)[0])  # no hook is left behind to matter


def test_a_batch_norm_that_does_not_run_is_left_out() -> None:
    """As in EfficientNet's first block of the common code for CIFAR, whose bn1 is made and never called."""
    net, theta, x, stats = drawn(NORMED[0])
    whole = list(net.moments(theta, x, stats)[1])

    class Skips(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    place, _, key = whole[0].rpartition(".")
    (body,) = net._idle
    parent = body._module.get_submodule(place) if place else body._module
    setattr(parent, f"{key}_unused", nn.Identity())
    layer = getattr(parent, key)
    setattr(parent, key, Skips())  # the batch norm is still known, with statistics, but nobody calls it
    assert body._batch_norms[whole[0]] is layer
    assert list(net.moments(theta, x, stats)[1]) == whole[1:]


def test_networks_without_batch_norm_have_no_moments() -> None:
    net = FlatNet(parse_net("convnet(depth=1, width=4)"), SHAPE, CLASSES)
    theta, x = net.init(stream(0, "theta")), torch.randn(2, *SHAPE, generator=stream(0, "x"))
    logits, moments = net.moments(theta, x, {})
    assert moments == {} and torch.equal(logits, net(theta, x))


@pytest.mark.parametrize("name", sorted(NETS))
def test_the_last_parameters_are_the_classifier(name: str) -> None:
    """Divided by T, they divide the logits by T; one parameter fewer or more would not."""
    side = {"lenet": 16, "resnet18": 16}.get(name, 32)
    net, draw = FlatNet(parse_net(name), (3, side, side), 4), stream(0, "head", name)
    theta = net.init(draw)
    x = torch.randn(2, 3, side, side, generator=draw)
    cooled = theta.clone()
    cooled[-net.head_size :] /= 7
    torch.testing.assert_close(net(cooled, x), net(theta, x) / 7, rtol=1e-4, atol=1e-6)
    assert torch.equal(net.features(cooled, x), net.features(theta, x))
    nothing = theta.clone()
    nothing[-net.head_size :] = 0
    assert torch.equal(net(nothing, x), torch.zeros(2, 4))
