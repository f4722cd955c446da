"""Problems for steps, the fused step in all its parts, and its oracle: plain double backward in float64."""

import torch

from ddkit.nets import FlatNet, cross_entropy, parse_net
from ddkit.randomness import stream
from ddkit.steps.blocks import NativeBlocks
from ddkit.steps.conv import DirectConvolution, LibraryConvolution, choose_convolution
from ddkit.steps.convnet import ConvNetStep
from ddkit.steps.formulas import FormulaBlocks
from ddkit.steps.native import kernels
from ddkit.steps.norm import norm_of

CLASSES, BATCH = 5, 7
SHAPES = [(1, 8, 8), (3, 9, 11), (1, 28, 28), (2, 6, 5)]  # odd maps lose a row; gray images of 28 are widened


def case(shape=(3, 9, 11), width=20, soft=False, dtype=torch.float64, seed=0, norm="instance"):
    """(net, theta, x, y, direction)"""
    net = FlatNet(parse_net(f"convnet(depth=2, width={width}, norm={norm})"), shape, CLASSES)
    generator = stream(seed, "step")

    def draw(*size):
        return torch.randn(*size, generator=generator, dtype=dtype)

    theta = net.init(generator, dtype) + 0.1 * draw(net.parameters)
    y = torch.randint(CLASSES, (BATCH,), generator=generator)
    if soft:
        y = draw(BATCH, CLASSES).softmax(1) * 1.3  # whatever is learned: it need not sum to 1
    return net, theta, draw(BATCH, *shape), y, draw(net.parameters)


def fused(net, blocks="c", convolution="library", chunk=2**30, dtype=torch.float64):
    shapes = net.settings.common_blocks(net.shape)
    c = kernels(dtype)
    assert c is not None
    make = {
        "library": lambda s: LibraryConvolution(s),
        "direct": lambda s: DirectConvolution(s, c),
        "chosen": lambda s: choose_convolution(s, c),
    }[convolution]
    convolutions = [make(s) for s in shapes]
    norm = norm_of(net.settings)
    parts = NativeBlocks(c, norm) if blocks == "c" else FormulaBlocks(blocks == "compiled", norm)
    return ConvNetStep(net, shapes, norm, dtype, parts, convolutions, chunk)


def oracle(net, theta, x, y, a):
    """loss, g, and d (g . a) / d (theta, x, y), by plain double backward."""
    inputs = [t.clone().requires_grad_(t.is_floating_point()) for t in (theta, x, y)]
    loss = cross_entropy(net(*inputs[:2]), inputs[2])
    (g,) = torch.autograd.grad(loss, inputs[0], create_graph=True)
    wanted = [t for t in inputs if t.requires_grad]
    return loss, g, *torch.autograd.grad(g @ a, wanted)


def check(step, problem, keep, tolerance=1e-12):
    net, theta, x, y, a = problem
    untouched = [t.clone() for t in problem[1:]]
    gradient = step.gradient(theta, x, y, keep=keep)
    product = step.product(theta, x, y, a, gradient.tape)
    assert (gradient.tape is None) == (not keep) and (gradient.tape_bytes > 0) == keep
    assert all(torch.equal(before, now) for before, now in zip(untouched, problem[1:], strict=True))
    ours = [gradient.loss, gradient.theta, product.theta, product.images]
    if y.is_floating_point():
        ours.append(product.labels)
    else:
        assert product.labels is None
    for mine, truth in zip(ours, oracle(net, theta, x, y, a), strict=True):
        assert mine.shape == truth.shape
        assert (mine - truth).norm() <= tolerance * truth.norm()
        assert truth.norm() > 0


def slope_oracle(net, theta, x, v):
    """(d (sum of logits) / d x, d (that . v) / d theta) by plain double backward."""
    at, images = theta.clone().requires_grad_(), x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(net(at, images).sum(), images, create_graph=True)
    return slope.detach(), torch.autograd.grad((slope * v).sum(), at, allow_unused=True, materialize_grads=True)[0]
