"""The networks that torchvision builds, against torchvision's own models with their strides and pools turned off."""

import pytest
import torch
import torchvision
from torch import nn

from ddkit.nets import NETS, FlatNet, parse_net
from ddkit.randomness import stream

NAMES = ["mobilenetv2", "efficientnet-b0", "shufflenet"]
FEATURES = {"mobilenetv2": 1280, "efficientnet-b0": 1280, "shufflenet": 1024}


def mobilenetv2(**width):
    model = torchvision.models.mobilenet_v2(num_classes=10, dropout=0.0, **width)
    model.features[0][0].stride = (1, 1)
    second = model.features[2]
    second.conv[1][0].stride = (1, 1)
    # The paper's rule for a shortcut, which torchvision applied to stride 2: narrow nets have one here.
    second.use_res_connect = model.features[1].out_channels == second.out_channels
    return model


def efficientnet():
    model = torchvision.models.efficientnet_b0(num_classes=10, stochastic_depth_prob=0.0)
    model.features[0][0].stride = (1, 1)
    model.classifier[0].p = 0.0
    return model


def shufflenet(variant="shufflenet_v2_x1_0"):
    model = torchvision.models.get_model(variant, num_classes=10)
    model.conv1[0].stride, model.maxpool = (1, 1), nn.Identity()
    return model


def quietly(make):
    """What `make` builds, in float64; the global generator, which torchvision's initialisation uses, stays."""
    with torch.random.fork_rng():
        return make().double()


@pytest.mark.parametrize(
    ("spec", "reference"),
    [
        ("mobilenetv2", mobilenetv2),
        ("mobilenetv2(width=0.35)", lambda: mobilenetv2(width_mult=0.35)),
        ("efficientnet-b0", efficientnet),
        ("shufflenet", shufflenet),
        ("shufflenet(width=0.5)", lambda: shufflenet("shufflenet_v2_x0_5")),
        ("shufflenet(width=1.5)", lambda: shufflenet("shufflenet_v2_x1_5")),
        ("shufflenet(width=2.0)", lambda: shufflenet("shufflenet_v2_x2_0")),
    ],
)
def test_logits_are_those_of_torchvisions_model(spec, reference):
    """Under batch statistics, which move the running ones alike, and then under these."""
    model = quietly(reference).train()
    net = FlatNet(parse_net(spec), (3, 32, 32), 10)
    theta = nn.utils.parameters_to_vector(model.parameters()).detach()
    shapes = [view.shape for view in net.unflatten(theta).values()]
    assert shapes == [parameter.shape for parameter in model.parameters()]
    x = torch.randn(4, 3, 32, 32, generator=stream(0, spec), dtype=torch.float64)
    stats = net.init_stats(theta)
    torch.testing.assert_close(net.train(theta, x, stats), model(x))
    moved = [buffer for name, buffer in model.named_buffers() if not name.endswith("num_batches_tracked")]
    torch.testing.assert_close(list(stats.values()), moved)
    torch.testing.assert_close(net(theta, x, stats), model.eval()(x))


def test_channels_of_a_narrow_efficientnet():
    """Half the channels of the paper's table 1, rounded to multiples of 8."""
    net = quietly(lambda: parse_net("efficientnet-b0(width=0.5)").build((3, 32, 32), 10))
    stages = list(net.body[0])
    ends = [[m for m in stage.modules() if isinstance(m, nn.Conv2d)][-1].out_channels for stage in stages]
    assert ends == [16, 8, 16, 24, 40, 56, 96, 160, 640]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("shape", "of_eighths", "of_sixteenths"),
    [
        ((1, 8, 8), 1, 1),
        ((1, 28, 28), 4, 2),
        ((3, 28, 28), 4, 2),
        ((3, 32, 32), 4, 2),
        ((3, 64, 64), 8, 4),
        ((3, 24, 24), 3, 2),
        ((2, 1, 1), 1, 1),
    ],
)
def test_the_last_map_and_the_outputs(name, shape, of_eighths, of_sixteenths):
    """MobileNetV2 and ShuffleNetV2 halve three times, EfficientNet-B0 four times."""
    with torch.device("meta"):
        module = parse_net(name).build(shape, 7)
    maps = []
    *_, pool = module.body
    assert isinstance(pool, nn.AdaptiveAvgPool2d)
    pool.register_forward_pre_hook(lambda _, inputs: maps.append(inputs[0].shape))
    x = torch.empty(2, *shape, device="meta")
    side = of_sixteenths if name == "efficientnet-b0" else of_eighths
    assert module(x).shape == (2, 7)
    assert module.features(x).shape == (2, FEATURES[name])
    assert maps == [(2, FEATURES[name], side, side)] * 2


@pytest.mark.parametrize("name", NAMES)
def test_gray_images_of_28_pixels_are_those_of_32_with_a_black_frame(name):
    small, large = (FlatNet(parse_net(name), (1, size, size), 3) for size in (28, 32))
    theta = small.init(stream(0, name), torch.float64)
    x = torch.randn(2, 1, 28, 28, generator=stream(0, "gray"), dtype=torch.float64)
    torch.testing.assert_close(small(theta, x), large(theta, nn.functional.pad(x, (2, 2, 2, 2))))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_drawn_from_the_global_generator(name):
    before = torch.get_rng_state()
    net = FlatNet(parse_net(name), (1, 8, 8), 3)
    theta = net.init(stream(0, name))
    x = torch.randn(4, 1, 8, 8, generator=stream(0, "x"))
    logits = net.train(theta, x, net.init_stats(theta))
    assert torch.equal(logits, net(theta, x))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", NAMES)
def test_second_derivatives_are_the_difference_of_two_gradients(name):
    """Layers that work in place, of which torchvision has many, must not disturb the unrolled inner loop."""
    net = FlatNet(parse_net(name), (1, 8, 8), 3)
    draw = stream(0, "second", name)
    theta = net.init(draw, torch.float64).requires_grad_()
    x = torch.randn(6, 1, 8, 8, generator=draw, dtype=torch.float64)
    along = torch.randn(net.parameters, generator=draw, dtype=torch.float64)
    along /= along.norm()

    def gradient(at, create_graph=False):
        return torch.autograd.grad(net(at, x).square().sum(), at, create_graph=create_graph)[0]

    (product,) = torch.autograd.grad(gradient(theta, create_graph=True), theta, along)
    step = 1e-7
    difference = (gradient(theta + step * along) - gradient(theta - step * along)) / (2 * step)
    torch.testing.assert_close(product, difference, rtol=1e-3, atol=1e-4 * product.norm().item())


@pytest.mark.parametrize("name", sorted(NETS))
def test_every_layer_runs(name):
    """Some published reimplementations hold layers that no image ever passes; a teacher of theirs has dead weights."""
    with torch.device("meta"):
        module = parse_net(name).build((3, 32, 32), 10)
    own = {n: m for n, m in module.named_modules() if any(True for _ in m.parameters(recurse=False))}
    ran = []
    for layer, part in own.items():
        part.register_forward_hook(lambda *_, layer=layer: ran.append(layer))
    module(torch.empty(2, 3, 32, 32, device="meta"))
    assert sorted(ran) == sorted(own)
