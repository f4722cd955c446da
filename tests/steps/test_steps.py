"""Every kind of step against autograd in float64; the compiled kernels against what a compiler can do wrong."""

import warnings

import pytest
import torch
from step_cases import BATCH, CLASSES, SHAPES, case, check, fused, oracle, slope_oracle

from ddkit.nets import FlatNet, parse_net
from ddkit.randomness import stream
from ddkit.steps import formulas, slower, step_for
from ddkit.steps.autograd import AutogradStep
from ddkit.steps.blocks import NativeBlocks
from ddkit.steps.choose import _step
from ddkit.steps.conv import WinogradConvolution, choose_convolution
from ddkit.steps.convnet import ConvNetStep
from ddkit.steps.formulas import FormulaBlocks
from ddkit.steps.native import kernels


@pytest.fixture(autouse=True)
def compiler():
    """All but the tests of its absence need a C compiler."""
    if kernels(torch.float32) is None:
        pytest.skip("no C compiler, so no fused steps on a CPU")


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("convolution", ["library", "direct"])
@pytest.mark.parametrize("blocks", ["c", "formulas"])
def test_the_fused_step_is_the_double_backward(blocks, convolution, shape, soft, keep):
    problem = case(shape, soft=soft)
    check(fused(problem[0], blocks, convolution), problem, keep)


@pytest.mark.parametrize("wrong", [-1, CLASSES])
def test_labels_that_are_no_class_are_refused(wrong):
    net, theta, x, y, _ = case((1, 8, 8))
    y[0] = wrong
    with pytest.raises((IndexError, RuntimeError), match="out of range"):
        fused(net).gradient(theta.detach(), x.detach(), y)


@pytest.mark.parametrize("shape", [(1, CLASSES), (BATCH, 1), (BATCH, CLASSES + 1), (BATCH - 1, CLASSES)])
def test_soft_labels_of_another_shape_are_refused(shape):
    """A single row or column would be broadcast without an error."""
    net, theta, x, _, a = case((1, 8, 8))
    with pytest.raises(ValueError, match=rf"labels must be \[{BATCH}, {CLASSES}\]"):
        fused(net).gradient(theta, x, torch.ones(shape, dtype=theta.dtype))
    with pytest.raises(ValueError, match=rf"labels must be \[{BATCH}\], got \[1\]"):
        fused(net).product(theta, x, torch.zeros(1, dtype=torch.long), a)


def test_autograd_refuses_soft_labels_of_one_column():
    net, theta, x, _, _ = case((1, 8, 8))
    with pytest.raises(ValueError, match=rf"labels must be \[{BATCH}, {CLASSES}\]"):
        AutogradStep(net, theta.dtype).gradient(theta, x, torch.ones(BATCH, 1, dtype=theta.dtype))


@pytest.mark.parametrize("width", [1, 16, 32, 64, 70, 130])
def test_every_block_of_channels(width):
    """Widths around the kernels' blocks of 16, 32 and 64 channels, and over two of them."""
    problem = case((1, 8, 8), width=width, soft=True)
    for convolution in ("library", "direct"):
        check(fused(problem[0], convolution=convolution), problem, keep=True)


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize(("shape", "width"), [((1, 8, 8), 64), ((3, 9, 11), 96)])
def test_the_step_with_winograds_convolution_is_the_double_backward(shape, width, keep):
    problem = case(shape, width=width, soft=True)
    last = choose_convolution(problem[0].settings.common_blocks(shape)[-1], kernels(torch.float64))
    assert isinstance(last, WinogradConvolution)
    check(fused(problem[0], convolution="chosen"), problem, keep)


def test_the_float32_error_of_the_chosen_convolutions_is_at_most_twice_the_librarys():
    """The distance from float64 of the gradient and of both products, the median of five problems."""
    errors = {"chosen": [], "library": []}
    for seed in range(5):
        net, theta, x, y, a = case((1, 8, 8), width=64, soft=True, seed=seed)
        truth = [one.detach() for one in oracle(net, theta, x, y, a)[1:4]]
        for convolution, found in errors.items():
            step = fused(net, convolution=convolution, dtype=torch.float32)
            single = [t.float() for t in (theta, x, y, a)]
            made = step.product(*single)
            ours = (step.gradient(*single[:3]).theta, made.theta, made.images)
            found.append([float((one - exact).norm() / exact.norm()) for one, exact in zip(ours, truth, strict=True)])
    chosen, library = (torch.tensor(found).median(0).values for found in errors.values())
    assert (chosen <= 2 * library).all(), (chosen, library)
    assert (library > 0).all()


@pytest.mark.parametrize("chunk", [1, 3 * 20 * 99 * 8, 2**30])
def test_chunks_change_nothing(chunk):
    """One image at a time, three at a time with one left over, all at once."""
    problem = case(soft=True)
    for keep in (False, True):
        check(fused(problem[0], chunk=chunk), problem, keep)


@pytest.mark.parametrize("spec", ["convnet(depth=2, width=4, norm=layer)", "resnet18", "mlp", "lenet"])
def test_other_networks_go_through_autograd(spec):
    net = FlatNet(parse_net(spec), (3, 32, 32), CLASSES)
    generator = stream(1, "other")
    theta = net.init(generator, torch.float64)
    x = torch.randn(2, 3, 32, 32, generator=generator, dtype=torch.float64)
    step = step_for(net, theta)
    assert isinstance(step, AutogradStep)
    a = torch.randn(net.parameters, generator=generator, dtype=torch.float64)
    check(step, (net, theta, x, torch.tensor([1, 3]), a), keep=True)


@pytest.mark.slow
def test_formulas_survive_their_compiler():
    """What CUDA runs, compiled for this CPU."""
    problem = case(soft=True)
    check(fused(problem[0], "compiled"), problem, keep=True)


def test_a_compiler_that_fails_is_one_warning_and_the_same_gradient(monkeypatch):
    def broken(formula, dynamic):
        def program(*tensors, norm):
            raise RuntimeError("no triton here\nand much more")

        return program

    slower._warn_once.cache_clear()
    monkeypatch.setattr(torch, "compile", broken)
    problem = case(soft=True)
    with pytest.warns(RuntimeWarning) as caught:
        check(fused(problem[0], "compiled"), problem, keep=True)
    instead = "it runs operation by operation, which is slower"
    assert [str(w.message) for w in caught] == [f"the step could not be compiled (no triton here); {instead}"]


def test_a_program_that_fails_inside_a_capture_is_not_given_up(monkeypatch):
    """Outside of captures it is used again."""
    capturing = []

    def compiled(formula, dynamic):
        def program(*tensors, norm):
            if capturing:
                raise RuntimeError("the compiler woke up")
            return formula(*tensors, norm=norm)

        return program

    monkeypatch.setattr(torch, "compile", compiled)
    monkeypatch.setattr(formulas, "capturing", lambda z: bool(capturing))
    net, theta, x, y, _ = case()
    step = fused(net, "compiled")
    wanted = step.gradient(theta, x, y).theta
    capturing.append(True)
    with pytest.raises(RuntimeError, match="woke up"):
        step.gradient(theta, x, y)
    capturing.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(step.gradient(theta, x, y).theta, wanted)


@pytest.mark.gpu
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_step_on_a_gpu(gpu, shape, soft):
    net, *tensors = case(shape, soft=soft)
    tensors = [t.to(gpu) for t in tensors]
    step = step_for(net, tensors[0])
    assert isinstance(step, ConvNetStep)
    check(step, (net, *tensors), keep=True, tolerance=1e-10)


def test_bfloat16_maps_keep_float32_parameters():
    net, theta, x, y, a = case((1, 8, 8), soft=True, dtype=torch.float32)
    step = step_for(net, theta, "bfloat16")
    assert isinstance(step, ConvNetStep)
    gradient, product = step.gradient(theta, x, y), step.product(theta, x, y, a)
    _, g, *truth = oracle(net, theta, x, y, a)
    for mine, full in zip((gradient.theta, product.theta, product.images), (g, *truth[:2]), strict=True):
        assert mine.dtype == torch.float32
        assert torch.cosine_similarity(mine.flatten(), full.flatten(), dim=0) > 0.99
    assert not torch.allclose(gradient.theta, g, rtol=1e-4), "this was no bfloat16"


@pytest.mark.parametrize("where", ["theta", "x"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_lost_numbers_stay_lost(where, dtype):
    """ReLU written as max(0, a) turns a NaN into 0, and a run goes on with rubbish."""
    net, theta, x, y, a = case((1, 8, 8), dtype=torch.float32)
    {"theta": theta, "x": x.view(-1)}[where][3] = float("nan")
    step = step_for(net, theta, str(dtype).removeprefix("torch."))
    assert step.gradient(theta, x, y).loss.isnan()
    assert step.gradient(theta, x, y).theta.isnan().any()
    assert step.product(theta, x, y, a).theta.isnan().any()


@pytest.mark.parametrize("blocks", ["c", "formulas"])
def test_maps_too_large_for_a_variance_are_lost_numbers(blocks):
    net, theta, x, y, _ = case(dtype=torch.float32)
    step = fused(net, blocks, dtype=torch.float32)
    assert step.gradient(theta, 1e10 * x, y).loss.isfinite()
    assert step.gradient(theta, 1e30 * x, y).loss.isnan()


def test_large_offsets_lose_no_digits():
    """The variance of maps whose mean is a thousand times their spread: E[z^2] - E[z]^2 would have no digit left."""
    z = 1000 + torch.randn(2, 8, 8, 16, generator=stream(0, "offset"))
    gamma, beta = torch.ones(16), torch.zeros(16)
    _, (mean, rstd) = NativeBlocks(kernels(torch.float32)).forward(z, gamma, beta)
    exact = z.double()
    torch.testing.assert_close(mean.double(), exact.mean((1, 2)), rtol=1e-6, atol=0)
    torch.testing.assert_close(rstd.double(), (exact.var((1, 2), correction=0) + 1e-5).rsqrt(), rtol=1e-3, atol=0)


def test_what_the_kernels_would_read_past_is_refused():
    net, theta, x, y, a = case()
    step = fused(net)
    for wrong in ((theta.float(), x), (theta[:-1], x), (theta, x[:, :, :8]), (theta, x[:, :2])):
        with pytest.raises(ValueError, match="must be"):
            step.gradient(*wrong, y)
    with pytest.raises(ValueError, match="must be"):
        step.product(theta, x, y, a.float())
    spread = torch.stack([theta, theta], 1)[:, 0]  # not contiguous
    assert torch.equal(step.gradient(spread, x, y).theta, step.gradient(theta, x, y).theta)


def test_threads_change_nothing_but_rounding():
    net, theta, x, y, a = case(dtype=torch.float32)
    step, before, results = step_for(net, theta), torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            results.append((step.gradient(theta, x, y).theta, step.product(theta, x, y, a).images))
    finally:
        torch.set_num_threads(before)
    for one, two in zip(*results, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-6)


@pytest.fixture
def fresh(home):
    """No kernels in memory, no library on disk."""
    caches = (kernels, _step)
    for cache in caches:
        cache.cache_clear()
    yield home
    for cache in caches:
        cache.cache_clear()


@pytest.mark.parametrize("compiler", ["no-such-compiler", "'"])
def test_without_a_compiler_there_is_one_warning_and_the_same_gradient(fresh, monkeypatch, compiler):
    monkeypatch.setenv("CC", compiler)
    from ddkit.steps.native import _warn_once

    _warn_once.cache_clear()
    problem = case()
    with pytest.warns(RuntimeWarning, match="Install a C compiler") as caught:
        for dtype in (torch.float64, torch.float32):
            step = step_for(problem[0], problem[1].to(dtype))
    assert isinstance(step, AutogradStep)
    assert len(caught) == 1
    check(AutogradStep(problem[0], torch.float64), problem, keep=True)


def test_the_library_is_compiled_once_and_kept(fresh, monkeypatch):
    assert kernels(torch.float64) is not None
    (library,) = (fresh / "kernels").iterdir()
    made = library.stat().st_mtime_ns
    kernels.cache_clear()
    assert kernels(torch.float64) is not None
    assert [(f, f.stat().st_mtime_ns) for f in (fresh / "kernels").iterdir()] == [(library, made)]


def test_a_damaged_library_is_compiled_anew(fresh):
    assert kernels(torch.float64) is not None
    (library,) = (fresh / "kernels").iterdir()
    library.unlink()  # a file of its own: the loaded one must stay whole
    library.write_bytes(b"not a library")
    kernels.cache_clear()
    assert kernels(torch.float64) is not None
    assert library.stat().st_size > 10_000


def test_a_home_that_cannot_be_written_will_do(fresh, monkeypatch):
    (fresh / "kernels").write_text("a file where the folder should be")
    problem = case()
    check(step_for(problem[0], problem[1]), problem, keep=True)
    assert isinstance(step_for(problem[0], problem[1]), ConvNetStep)


# Gradient penalties


@pytest.mark.parametrize("chunk", [1, 2**30])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("convolution", ["library", "direct"])
@pytest.mark.parametrize("blocks", ["c", "formulas"])
def test_the_fused_slope_is_the_double_backward(blocks, convolution, shape, chunk):
    net, theta, x, _, _ = case(shape)
    v = torch.randn(x.shape, generator=stream(2, "v"), dtype=torch.float64)
    step = fused(net, blocks, convolution, chunk)
    slope, tape = step.slope(theta, x)
    for mine, truth in zip((slope, step.slope_product(theta, v, tape)), slope_oracle(net, theta, x, v), strict=True):
        assert mine.shape == truth.shape and truth.norm() > 0
        assert (mine - truth).norm() <= 1e-12 * truth.norm()


@pytest.mark.parametrize("spec", ["convnet(depth=2, width=4, norm=layer)", "mlp", "lenet"])
def test_other_networks_have_slopes_by_autograd(spec):
    net = FlatNet(parse_net(spec), (3, 32, 32), CLASSES)
    generator = stream(1, "other")
    theta = net.init(generator, torch.float64)
    x, v = (torch.randn(2, 3, 32, 32, generator=generator, dtype=torch.float64) for _ in range(2))
    step = step_for(net, theta)
    slope, tape = step.slope(theta, x)
    expected = slope_oracle(net, theta, x, v)
    torch.testing.assert_close((slope, step.slope_product(theta, v, tape)), expected)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("blocks", ["c", "formulas"])
@pytest.mark.parametrize("chunk", [1, 2**30])
def test_fused_logits_are_the_networks(shape, blocks, chunk):
    net, theta, x, _, _ = case(shape)
    step = fused(net, blocks, chunk=chunk)
    torch.testing.assert_close(step.logits(theta, x), net(theta, x), rtol=0, atol=1e-12)


def test_other_networks_have_logits_without_a_graph():
    net = FlatNet(parse_net("mlp(depth=1, width=8)"), (1, 8, 8), CLASSES)
    theta, x = net.init(stream(0, "step"), torch.float64), torch.ones(3, 1, 8, 8, dtype=torch.float64)
    found = step_for(net, theta).logits(theta.requires_grad_(), x)
    assert torch.equal(found, net(theta, x)) and not found.requires_grad


@pytest.mark.parametrize("blocks", ["c", "formulas"])
@pytest.mark.parametrize("side", [32, 128, 224])
def test_statistics_lose_no_digits(blocks, side):
    """Maps of 1000 +- 1 whose first pixel is 0, as after a convolution of a bright image with a dark corner: squares
    around that pixel, or around 0, would leave no digit of the variance."""
    generator = stream(0, "digits")
    z = 1000 + torch.randn(2, side, side, 20, generator=generator)
    z[:, 0, 0] = 0
    gamma, beta = torch.rand(2, 20, generator=generator).unbind()
    exact = z.double()
    mean, variance = exact.mean((1, 2)), exact.var((1, 2), correction=0)
    kernels_ = kernels(torch.float32)
    assert kernels_ is not None
    made = NativeBlocks(kernels_) if blocks == "c" else FormulaBlocks(fuse=False)
    p, (m, r) = made.forward(z, gamma, beta)
    torch.testing.assert_close(m.double(), mean, rtol=2e-7, atol=0)
    torch.testing.assert_close(r.double(), (variance + 1e-5).rsqrt(), rtol=5e-6, atol=0)
    normal = ((exact - mean[:, None, None]) * (variance + 1e-5).rsqrt()[:, None, None] * gamma + beta).relu()
    pooled = normal.unflatten(1, (-1, 2)).unflatten(3, (-1, 2)).mean((2, 4))
    torch.testing.assert_close(p.double(), pooled, rtol=0, atol=2e-4)  # a float32 of 1000 has digits down to 6e-5


@pytest.mark.parametrize("blocks", ["c", "formulas"])
def test_large_maps_are_those_of_float64(blocks):
    """All four functions at 224 x 224, where float32 sums run over 50,176 pixels."""
    generator = stream(1, "digits")
    z, zt = (3 + torch.randn(1, 224, 224, 16, generator=generator) for _ in range(2))
    gp, gpt = torch.randn(2, 1, 112, 112, 16, generator=generator).unbind()
    gamma, beta, gamma_t, beta_t = (1 + torch.rand(4, 16, generator=generator)).unbind()
    single, double = kernels(torch.float32), FormulaBlocks(fuse=False)
    assert single is not None
    made = NativeBlocks(single) if blocks == "c" else FormulaBlocks(fuse=False)

    def all_four(functions, *tensors):
        z, zt, gp, gpt, gamma, beta, gamma_t, beta_t = tensors
        p, stats = functions.forward(z, gamma, beta)
        backward = functions.backward(z, gp, gamma, beta, stats)
        pt, stats_t = functions.forward_tangent(z, zt, gamma, beta, gamma_t, beta_t, stats)
        both = functions.backward_tangent(z, zt, gp, gpt, gamma, beta, gamma_t, stats, stats_t)
        return [p, *stats, *backward, pt, *stats_t, *both]

    tensors = (z, zt, gp, gpt, gamma, beta, gamma_t, beta_t)
    for mine, truth in zip(all_four(made, *tensors), all_four(double, *(t.double() for t in tensors)), strict=True):
        assert (mine.double() - truth).norm() <= 3e-4 * truth.norm()
