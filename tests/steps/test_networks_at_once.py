"""Gradients of several networks in one pass equal those of each network alone, to the bit."""

import pytest
import torch
from torch import Tensor

from ddkit.nets import FlatNet, parse_net
from ddkit.randomness import stream
from ddkit.steps import AutogradStep, stack, step_for
from ddkit.steps.convnet import ConvNetStep
from ddkit.steps.native import kernels
from ddkit.steps.step import one_by_one

NETWORKS, CLASSES = 5, 4


@pytest.fixture(autouse=True)
def compiler() -> None:
    if kernels(torch.float32) is None:
        pytest.skip("no C compiler, so no fused steps on a CPU")


def problem(
    spec: str, shape: tuple[int, int, int], batch: int, soft: bool, dtype: torch.dtype = torch.float32
) -> tuple[FlatNet, Tensor, Tensor, Tensor]:
    net, draw = FlatNet(parse_net(spec), shape, CLASSES), stream(0, "stack")
    theta = torch.stack([net.init(draw, dtype) for _ in range(NETWORKS)])
    theta += 0.1 * torch.randn(theta.shape, generator=draw, dtype=dtype)
    x = torch.randn(NETWORKS, batch, *shape, generator=draw, dtype=dtype)
    y = torch.randint(CLASSES, (NETWORKS, batch), generator=draw)
    return net, theta, x, torch.rand(NETWORKS, batch, CLASSES, generator=draw, dtype=dtype) if soft else y


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("batch", [1, 3, 20])
@pytest.mark.parametrize(
    "spec, shape",
    [
        ("convnet(depth=2, width=32)", (1, 8, 8)),
        ("convnet(depth=2, width=32, norm=batch)", (1, 8, 8)),
        ("convnet(depth=2, width=16, norm=none)", (1, 8, 8)),
        ("convnet(depth=1, width=7)", (3, 9, 11)),  # odd maps, and filters that fill no vector
        ("convnet(depth=2, width=16)", (1, 28, 28)),  # gray images of 28 are widened
    ],
)
def test_a_stack_equals_each_network_alone(
    spec: str, shape: tuple[int, int, int], batch: int, soft: bool, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, theta, x, y = problem(spec, shape, batch, soft, dtype)
    step = step_for(net, theta)
    assert isinstance(step, ConvNetStep)
    expected = one_by_one(step, theta, x, y)
    for cached in (2**30, 2 * step._image * batch, 0):  # all five at once; two, two and one; one by one
        monkeypatch.setattr(stack, "CACHED", cached)
        assert torch.equal(step.gradients(theta, x, y), expected)


def test_a_stack_equals_autograd_in_float64() -> None:
    net, theta, x, y = problem("convnet(depth=2, width=20)", (3, 9, 11), 6, soft=True, dtype=torch.float64)
    found, truth = step_for(net, theta).gradients(theta, x, y), AutogradStep(net, torch.float64).gradients(theta, x, y)
    assert float((found - truth).norm() / truth.norm()) < 1e-12


def test_a_stack_runs_no_gradient_of_one_network(monkeypatch: pytest.MonkeyPatch) -> None:
    net, theta, x, y = problem("convnet(depth=2, width=32)", (1, 8, 8), 10, soft=False)
    step, refuse = step_for(net, theta), lambda *_: pytest.fail("one network alone")
    monkeypatch.setattr(ConvNetStep, "gradient", refuse)
    assert step.gradients(theta, x, y).shape == theta.shape


def test_networks_with_layers_of_the_library_are_computed_one_by_one() -> None:
    net, theta, x, y = problem("convnet(depth=2, width=40)", (1, 8, 8), 10, soft=False)
    step = step_for(net, theta)
    assert stack.networks_at_once(step._passes, 1) == 1  # its second layer has 40 x 40 weights
    assert torch.equal(step.gradients(theta, x, y), one_by_one(step, theta, x, y))


def test_kernels_of_several_networks_refuse_tensors_of_another_number_of_networks() -> None:
    several = kernels(torch.float32).stacked(3)
    z, gamma, p, stats = torch.rand(6, 4, 4, 5), torch.rand(3, 5), torch.rand(6, 2, 2, 5), torch.rand(2, 6, 5)
    several("forward", z, 1, 1, z, gamma, gamma, p, *stats)
    for wrong in (gamma[0], gamma[:2], torch.rand(4, 5)):
        with pytest.raises(ValueError, match="kernel 'forward': channels must be 15 numbers"):
            several("forward", z, 1, 1, z, wrong, gamma, p, *stats)
    with pytest.raises(ValueError, match="of 3 networks"):
        several("forward", z[:4], 1, 1, z[:4], gamma, gamma, p[:4], *stats[:, :4])
