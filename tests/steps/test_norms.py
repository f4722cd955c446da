"""The fused step with batch norm, group norm and no norm, against autograd in float64 and against PyTorch's layers."""

import pytest
import torch
from step_cases import SHAPES, case, check, fused, slope_oracle

from ddkit.nets import FlatNet, parse_net
from ddkit.randomness import stream
from ddkit.steps import step_for, training_step
from ddkit.steps.autograd import AutogradStep
from ddkit.steps.blocks import NativeBlocks
from ddkit.steps.convnet import ConvNetStep
from ddkit.steps.formulas import FormulaBlocks
from ddkit.steps.native import kernels
from ddkit.steps.norm import Norm

NORMS = ["batch", "group", "none"]


@pytest.fixture(autouse=True)
def compiler() -> None:
    if kernels(torch.float32) is None:
        pytest.skip("no C compiler, so no fused steps on a CPU")


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("blocks", ["c", "formulas"])
def test_every_norm_is_the_double_backward(blocks, norm, shape, soft, keep):
    problem = case(shape, soft=soft, norm=norm)
    check(fused(problem[0], blocks), problem, keep)


@pytest.mark.parametrize("width", [4, 16, 64, 72, 132])
@pytest.mark.parametrize("norm", NORMS)
def test_every_norm_in_every_block_of_channels(norm, width):
    """Groups of 1, 4, 16, 18 and 33 channels, which reach over the kernels' blocks of 64."""
    problem = case((1, 8, 8), width=width, soft=True, norm=norm)
    for convolution in ("library", "direct"):
        check(fused(problem[0], convolution=convolution), problem, keep=True)


@pytest.mark.parametrize("chunk", [1, 3 * 20 * 99 * 8])
@pytest.mark.parametrize("norm", NORMS)
def test_chunks_do_not_divide_statistics(norm, chunk):
    """A batch that shares statistics is one chunk, however small chunks are."""
    problem = case(soft=True, norm=norm)
    check(fused(problem[0], chunk=chunk), problem, keep=True)


@pytest.mark.slow
@pytest.mark.parametrize("norm", NORMS)
def test_formulas_of_every_norm_survive_their_compiler(norm):
    problem = case(soft=True, norm=norm)
    check(fused(problem[0], "compiled"), problem, keep=True)


@pytest.mark.gpu
@pytest.mark.parametrize("norm", NORMS)
def test_every_norm_on_a_gpu(gpu, norm):
    net, *tensors = case(soft=True, norm=norm)
    tensors = [t.to(gpu) for t in tensors]
    step = step_for(net, tensors[0])
    assert isinstance(step, ConvNetStep)
    check(step, (net, *tensors), keep=True, tolerance=1e-10)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("blocks", ["c", "formulas"])
def test_every_norm_has_the_slope_of_the_double_backward(blocks, norm):
    net, theta, x, _, _ = case(norm=norm)
    v = torch.randn(x.shape, generator=stream(2, "v"), dtype=torch.float64)
    step = fused(net, blocks)
    slope, tape = step.slope(theta, x)
    for mine, truth in zip((slope, step.slope_product(theta, v, tape)), slope_oracle(net, theta, x, v), strict=True):
        assert mine.shape == truth.shape and truth.norm() > 0
        assert (mine - truth).norm() <= 1e-12 * truth.norm()


@pytest.mark.parametrize("norm", NORMS)
def test_logits_with_every_norm_are_the_networks(norm):
    net, theta, x, _, _ = case(norm=norm)
    torch.testing.assert_close(fused(net).logits(theta, x), net(theta, x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("norm", NORMS)
def test_bfloat16_maps_of_every_norm_keep_float32_parameters(norm):
    net, theta, x, y, a = case((1, 8, 8), soft=True, norm=norm)
    truth = fused(net)
    full = truth.gradient(theta, x, y).theta, truth.product(theta, x, y, a).images
    theta, x, y, a = (t.float() for t in (theta, x, y, a))
    step = step_for(net, theta, "bfloat16")
    assert isinstance(step, ConvNetStep)
    for mine, exact in zip((step.gradient(theta, x, y).theta, step.product(theta, x, y, a).images), full, strict=True):
        assert mine.dtype == torch.float32
        assert torch.cosine_similarity(mine.double().flatten(), exact.flatten(), dim=0) > 0.99
        assert not torch.allclose(mine.double(), exact, rtol=1e-4), "this was no bfloat16"


@pytest.mark.parametrize("norm", NORMS)
def test_a_network_with_every_norm_is_fused(norm):
    net, theta, *_ = case(norm=norm)
    assert step_for(net, theta).fused


@pytest.mark.parametrize("spec", ["norm=layer", "norm=batch, pool=max", "norm=group, act=leaky"])
def test_blocks_that_are_not_fused_go_through_autograd(spec):
    net = FlatNet(parse_net(f"convnet(depth=1, width=4, {spec})"), (1, 8, 8), 3)
    assert not step_for(net, net.init(stream(0, "norms"))).fused


@pytest.mark.parametrize(
    ("spec", "graph"),
    [
        ("mlp(depth=1, width=8)", False),
        ("convnet(depth=1, width=4, norm=batch, act=leaky)", False),
        ("convnet(depth=1, width=4, norm=layer)", False),
        ("convnet(depth=1, width=4, act=leaky)", True),
    ],
)
def test_plain_training_builds_a_graph_only_where_its_bits_need_one(spec, graph):
    net = FlatNet(parse_net(spec), (1, 8, 8), 5)
    draw = stream(0, "plain")
    theta, x, y = net.init(draw), torch.randn(6, 1, 8, 8, generator=draw), torch.arange(6) % 5
    step = training_step(net, theta)
    assert isinstance(step, AutogradStep) and step.once is not graph
    assert torch.equal(step.gradient(theta, x, y).theta, AutogradStep(net, theta.dtype).gradient(theta, x, y).theta)


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("convolution", ["library", "direct"])
@pytest.mark.parametrize("shape", SHAPES)
def test_training_steps_of_several_networks_move_running_statistics_as_each_network_does(shape, convolution, soft):
    """With the library's convolutions one network after another, with ddkit's in one pass."""
    net, theta, x, y, _ = case(shape, soft=soft, norm="batch")
    step = fused(net, convolution=convolution)
    thetas, xs, ys = torch.stack([theta, 1.1 * theta]), torch.stack([x, 2 * x]), torch.stack([y, y.flip(0)])
    ours = {name: values.expand(2, -1).clone() for name, values in net.init_stats(theta).items()}
    theirs = [net.init_stats(theta) for _ in range(2)]
    for _ in range(2):
        found = step.train(thetas, xs, ys, ours)
        for i, own in enumerate(theirs):
            net.train(thetas[i], xs[i], own)
            assert torch.equal(found[i], step.gradient(thetas[i], xs[i], ys[i]).theta)
    assert len(ours) == 4
    for name, values in ours.items():
        truth = torch.stack([own[name] for own in theirs])
        torch.testing.assert_close(values, truth, rtol=1e-10, atol=1e-12)


def test_running_variances_of_constant_maps_are_not_negative():
    net, theta, x, y, _ = case(norm="batch", dtype=torch.float32)
    stats = {name: torch.zeros_like(value)[None] for name, value in net.init_stats(theta).items()}
    fused(net, dtype=torch.float32).train(theta[None], torch.zeros_like(x)[None], y[None], stats)
    assert all((value >= 0).all() for name, value in stats.items() if name.endswith("running_var"))


@pytest.mark.parametrize("norm", ["instance", "group", "none"])
@pytest.mark.parametrize("convolution", ["library", "direct"])
def test_training_steps_of_other_norms_have_no_statistics(norm, convolution):
    net, theta, x, y, _ = case(norm=norm)
    step, stats = fused(net, convolution=convolution), {}
    thetas, xs, ys = torch.stack([theta, 1.1 * theta]), torch.stack([x, 2 * x]), torch.stack([y, y.flip(0)])
    found = step.train(thetas, xs, ys, stats)
    for i in range(2):
        assert torch.equal(found[i], step.gradient(thetas[i], xs[i], ys[i]).theta)
    assert not stats


@pytest.mark.parametrize("norm", [Norm(whole_batch=True), Norm(together=4)])
@pytest.mark.parametrize("blocks", ["c", "formulas"])
def test_statistics_of_several_maps_lose_no_digits(blocks, norm):
    """Maps of 1000 +- 1, whose means differ by a few: squares around anything but the common mean would cancel."""
    generator = stream(0, "digits")
    z = 1000 + torch.randn(6, 32, 32, 8, generator=generator) + torch.randn(6, 1, 1, 8, generator=generator)
    gamma, beta = torch.rand(2, 8, generator=generator).unbind()
    compiled = kernels(torch.float32)
    assert compiled is not None
    made = NativeBlocks(compiled, norm) if blocks == "c" else FormulaBlocks(False, norm)
    _, (mean, rstd) = made.forward(z, gamma, beta)
    parts = z.double().unflatten(3, (-1, norm.together))
    axes = (0, 1, 2, 4) if norm.whole_batch else (1, 2, 4)
    truth, variance = parts.mean(axes, keepdim=True), parts.var(axes, correction=0, keepdim=True)

    def spread(statistic):
        return statistic.expand(6, 1, 1, -1, norm.together).reshape(6, 8)

    torch.testing.assert_close(mean.double(), spread(truth), rtol=2e-7, atol=0)
    torch.testing.assert_close(rstd.double(), spread((variance + 1e-5).rsqrt()), rtol=2e-5, atol=0)


@pytest.mark.parametrize("numbers", [(2, 1), (0, 1), (1, 3), (1, -1), (-3, 1)])
def test_sharing_that_does_not_divide_a_map_is_refused(numbers):
    compiled = kernels(torch.float64)
    assert compiled is not None
    z, c, stats = (torch.ones(size, dtype=torch.float64) for size in ((3, 4, 4, 8), (8,), (3, 8)))
    with pytest.raises(ValueError, match="do not divide maps"):
        compiled("forward", z, *numbers, z, c, c, torch.ones(3, 2, 2, 8, dtype=torch.float64), stats, stats.clone())
