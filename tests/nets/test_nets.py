"""The networks against published parameter counts, published FLOPs and independent implementations."""

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ddkit.errors import RecipeError, UsageError
from ddkit.nets import NETS, FlatNet, net_settings, net_spec, parse_net
from ddkit.randomness import stream


def on_meta(spec, shape, classes):
    with torch.device("meta"):
        return parse_net(spec).build(shape, classes)


# The counts of the field's published code.
COUNTS = [
    ("convnet", 32, 10, 320_010),
    ("convnet(norm=batch)", 32, 10, 320_010),
    ("convnet", 32, 100, 504_420),
    ("convnet(depth=4)", 64, 200, 857_160),
    ("convnet(depth=4)", 64, 1000, 2_496_360),
    ("convnet(depth=5)", 128, 10, 615_690),
    ("convnet(depth=6)", 256, 10, 763_530),
    ("convnet(width=256)", 32, 10, 1_229_834),
    ("convnet(width=1024, norm=none)", 32, 10, 19_068_938),
    ("alexnet", 32, 10, 1_872_202),
    ("alexnet", 32, 100, 2_148_772),
    ("vgg11", 32, 10, 9_231_114),
    ("vgg11(norm=batch)", 32, 10, 9_231_114),
    ("vgg11", 32, 100, 9_277_284),
    ("resnet18", 32, 10, 11_173_962),
    ("resnet18(norm=batch)", 32, 10, 11_173_962),
    ("resnet18", 32, 100, 11_220_132),
    ("resnet18(downsample=avg)", 32, 10, 11_250_762),
    ("resnet18(downsample=avg)", 32, 100, 11_988_132),
    ("resnet18(width=16)", 32, 10, 701_466),
    ("lenet", 32, 10, 62_006),
    ("mlp", 32, 10, 411_146),
    ("mobilenetv2", 32, 1000, 3_504_872),
    ("efficientnet-b0", 32, 1000, 5_288_548),
    ("shufflenet(width=0.5)", 32, 1000, 1_366_792),
    ("shufflenet", 32, 1000, 2_278_604),
    ("shufflenet(width=1.5)", 32, 1000, 3_503_624),
    ("shufflenet(width=2.0)", 32, 1000, 7_393_996),
]


@pytest.mark.parametrize(("spec", "size", "classes", "count"), COUNTS)
def test_parameter_counts_are_the_published_ones(spec, size, classes, count):
    net = FlatNet(parse_net(spec), (3, size, size), classes)
    assert net.parameters == count
    assert sum(p.numel() for p in on_meta(spec, (3, size, size), classes).parameters()) == count


@pytest.mark.parametrize(
    ("spec", "size", "classes", "megaflops"),
    [
        ("convnet", 32, 10, 101.5),
        ("convnet", 32, 100, 101.9),
        ("convnet(depth=4)", 64, 200, 425.5),
        ("convnet(depth=5)", 128, 10, 1717.6),
        ("convnet(width=256)", 32, 10, 391.7),
        ("alexnet", 32, 10, 490),
        ("vgg11", 32, 10, 305.5),
        ("resnet18", 32, 10, 1111),
        ("resnet18(downsample=avg)", 32, 10, 1489),
    ],
)
def test_forward_costs_are_the_published_ones(spec, size, classes, megaflops):
    module = on_meta(spec, (3, size, size), classes)
    with FlopCounterMode(display=False) as counter:
        module(torch.empty(1, 3, size, size, device="meta"))
    assert counter.get_total_flops() / 1e6 == pytest.approx(megaflops, rel=6e-4)


NORMALISE = {
    "instance": lambda x, w, b: F.instance_norm(x, weight=w, bias=b),
    "batch": lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
    "layer": lambda x, w, b: F.layer_norm(x, x.shape[1:]) * w + b,
    "group": lambda x, w, b: (
        F.layer_norm(x.reshape(len(x), 4, -1), [x[0].numel() // 4]).view_as(x) * w[:, None, None] + b[:, None, None]
    ),
}
POOL = {"avg": F.avg_pool2d, "max": F.max_pool2d, "none": lambda x, _: x}
ACT = {"relu": F.relu, "leaky": F.leaky_relu, "sigmoid": torch.sigmoid}


@pytest.mark.parametrize("norm", ["instance", "batch", "layer", "group", "none"])
@pytest.mark.parametrize(("pool", "act"), [("avg", "relu"), ("max", "leaky"), ("none", "sigmoid")])
def test_convnet_computes_its_definition(norm, pool, act):
    net = FlatNet(parse_net(f"convnet(depth=2, width=8, norm={norm}, pool={pool}, act={act})"), (3, 8, 8), 5)
    draw = stream(0, "definition", norm, pool)
    theta = torch.randn(net.parameters, generator=draw, dtype=torch.float64)
    x = torch.randn(4, 3, 8, 8, generator=draw, dtype=torch.float64)
    values = iter(net.unflatten(theta).values())
    h = x
    for _ in range(2):
        h = F.conv2d(h, next(values), next(values), padding=1)
        if norm != "none":
            h = NORMALISE[norm](h, next(values), next(values))
        h = POOL[pool](ACT[act](h), 2)
    torch.testing.assert_close(net.features(theta, x), h.flatten(1))
    torch.testing.assert_close(net(theta, x), F.linear(h.flatten(1), next(values), next(values)))
    assert next(values, None) is None


def torchvision_resnet18():
    model = torchvision.models.resnet18(num_classes=10)
    model.conv1, model.maxpool = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.Identity()
    return model


def torchvision_vgg11():
    model = torchvision.models.vgg11_bn()
    model.avgpool, model.classifier = nn.Identity(), nn.Linear(512, 10)
    return model


@pytest.mark.parametrize(("name", "reference"), [("resnet18", torchvision_resnet18), ("vgg11", torchvision_vgg11)])
def test_deep_networks_agree_with_torchvision(name, reference):
    net = FlatNet(parse_net(f"{name}(norm=batch)"), (3, 32, 32), 10)
    draw = stream(0, name)
    theta = net.init(draw, torch.float64)
    with torch.random.fork_rng(), torch.device("meta"):
        model = reference().double()
    for parameter, values in zip(model.named_parameters(), net.unflatten(theta).values(), strict=True):
        assert parameter[1].shape == values.shape, parameter[0]
    weights = dict(zip((n for n, _ in model.named_parameters()), net.unflatten(theta).values(), strict=True))
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean = module.running_var = module.num_batches_tracked = None
    x = torch.randn(3, 3, 32, 32, generator=draw, dtype=torch.float64)
    torch.testing.assert_close(net(theta, x), torch.func.functional_call(model, weights, (x,)))


@pytest.mark.parametrize(
    ("spec", "shape", "features"),
    [
        ("convnet", (1, 28, 28), 128 * 4 * 4),  # padded to 32, as in the field
        ("convnet", (3, 28, 28), 128 * 3 * 3),  # gray images only
        ("convnet(depth=3, width=16)", (1, 8, 8), 16),
        ("convnet(width=16)", (3, 24, 40), 16 * 3 * 5),
        ("convnet(width=4, pool=none, norm=layer)", (1, 3, 5), 4 * 3 * 5),
        ("alexnet", (1, 8, 8), 192),
        ("alexnet", (1, 28, 28), 192 * 4 * 4),
        ("alexnet", (3, 64, 64), 192 * 8 * 8),
        ("vgg11", (1, 28, 28), 512),
        ("vgg11", (3, 64, 64), 512 * 2 * 2),
        ("resnet18", (1, 28, 28), 512),
        ("resnet18", (3, 64, 64), 512),
        ("resnet18", (1, 9, 9), 512),
        ("resnet18(norm=batch)", (1, 8, 8), 512),
        ("resnet18(downsample=avg)", (1, 28, 28), 512 * 4 * 4),
        ("resnet18(downsample=avg)", (3, 64, 64), 512 * 8 * 8),
        ("resnet18(width=8)", (1, 28, 28), 64),
        ("resnet18(width=8, downsample=avg)", (3, 32, 32), 64 * 4 * 4),
        ("lenet", (1, 28, 28), 84),
        ("lenet", (3, 16, 16), 84),
        ("lenet", (3, 64, 48), 84),
        ("mlp(depth=3, width=7)", (2, 5, 6), 7),
    ],
)
def test_heads_adapt_to_the_image_size(spec, shape, features):
    module = on_meta(spec, shape, 7)
    x = torch.empty(2, *shape, device="meta")
    assert module.features(x).shape == (2, features)
    assert module(x).shape == (2, 7)


@pytest.mark.parametrize(
    ("spec", "shape", "line"),
    [
        ("convnet(depth=4)", (1, 8, 8), r"convnet\(depth=4\): needs .* 16x16 pixels, got 8x8; set depth=3 or less"),
        ("convnet(depth=1)", (1, 1, 9), r"needs images of at least 2x2 pixels, got 1x9; set pool=none"),
        ("convnet(width=6, norm=group)", (3, 32, 32), r"norm=group needs a width that 4 divides, got 6"),
        ("convnet(pool=none)", (3, 1, 1), r"norm=instance would have a single value in each group.* norm=batch"),
        ("alexnet", (1, 7, 8), r"alexnet: needs images of at least 8x8 pixels, got 7x8"),
        ("vgg11", (3, 31, 31), r"vgg11: needs images of at least 32x32 pixels, got 31x31"),
        ("resnet18", (1, 8, 8), r"resnet18: norm=instance would have a single value in each group.* norm=batch"),
        ("resnet18(downsample=avg)", (1, 7, 7), r"at least 8x8 pixels, got 7x7; .* downsample=stride"),
        ("lenet", (3, 15, 15), r"lenet: needs images of at least 16x16 pixels, got 15x15"),
    ],
)
def test_impossible_sizes_give_one_line_with_the_fix(spec, shape, line):
    with pytest.raises(UsageError, match=line) as caught:
        parse_net(spec).build(shape, 10)
    assert "\n" not in str(caught.value)


def test_least_sizes_are_tight():
    """Each refused size is one pixel short: the least size that is named runs."""
    for spec, least in [("convnet(depth=2, width=4)", 4), ("alexnet", 8), ("vgg11", 32), ("lenet", 16)]:
        on_meta(spec, (3, least, least), 10)(torch.empty(2, 3, least, least, device="meta"))
        with pytest.raises(UsageError, match=f"at least {least}x{least}"):
            on_meta(spec, (3, least - 1, least), 10)


def test_only_batch_norm_tells_training_from_evaluation():
    x = torch.randn(3, 3, 32, 32, generator=stream(0, "modes"))
    for spec in ["convnet(width=8)", "convnet(width=8, norm=layer)", "convnet(width=8, norm=group)", "vgg11", "lenet"]:
        with torch.random.fork_rng():
            module = parse_net(spec).build((3, 32, 32), 10)
        assert torch.equal(module.train()(x), module.eval()(x)), spec
    with torch.random.fork_rng():
        module = parse_net("convnet(width=8, norm=batch)").build((3, 32, 32), 10)
    assert not torch.allclose(module.train()(x), module.eval()(x))


NAMES = ["alexnet", "convnet", "efficientnet-b0", "lenet", "mlp", "mobilenetv2", "resnet18", "shufflenet"]
NAMES += ["torchvision", "vgg11"]


def test_names_lead_to_settings_of_that_name():
    assert sorted(NETS) == NAMES
    for name in sorted(NETS):
        assert net_settings(name).name == name


@pytest.mark.parametrize("name", NAMES)
def test_specs_are_read_back(name):
    settings = parse_net(name)
    assert settings == net_settings(name)()
    assert parse_net(net_spec(settings)) == settings


def test_a_spec_is_canonical():
    settings = parse_net(" convnet( width = 32,depth=2, norm=batch, pool='max') ")
    assert net_spec(settings) == "convnet(depth=2, width=32, norm=batch, pool=max, act=relu)"
    assert net_spec(parse_net("lenet()")) == "lenet"
    assert net_spec(parse_net("shufflenet(width=2)")) == "shufflenet(width=2.0)"


def test_specs_of_before_a_setting_was_added_are_read():
    stored = parse_net("resnet18(norm=instance, downsample=stride)")
    assert stored == parse_net("resnet18(width=64)")
    assert net_spec(stored) == "resnet18(width=64, norm=instance, downsample=stride)"


@pytest.mark.parametrize(
    ("spec", "kind", "line"),
    [
        ("convnt", UsageError, "net 'convnt' is unknown; did you mean convnet"),
        ("xyz", UsageError, "net 'xyz' is unknown; `ddkit nets ls` lists them"),
        ("vit_b_15", UsageError, "did you mean vit_b_16"),
        ("", UsageError, "must look like name"),
        ("convnet(depth=2", UsageError, "must look like name"),
        ("convnet(2)", UsageError, "'2' must look like key=value"),
        ("convnet(depth=2,)", UsageError, "must look like key=value"),
        ("convnet(depth=1, depth=2)", UsageError, "'depth' is given twice"),
        ("convnet(dept=2)", RecipeError, "unknown key 'convnet.dept'; did you mean depth?"),
        ("convnet(depth=0)", RecipeError, "'convnet.depth': must be an integer of at least 1 and at most 256, got 0"),
        ("convnet(depth=two)", RecipeError, "must be an integer of at least 1 and at most 256, got 'two'"),
        ("convnet(norm=bach)", RecipeError, "must be one of instance, batch, layer, group, none, got 'bach'"),
        (
            "resnet18(width=0)",
            RecipeError,
            "'resnet18.width': must be an integer of at least 1 and at most 65536, got 0",
        ),
        ("mobilenetv2(width=0)", RecipeError, "'mobilenetv2.width': must be a number above 0 and at most 64, got 0.0"),
        ("shufflenet(width=0.7)", RecipeError, "'shufflenet.width': must be one of 0.5, 1.0, 1.5, 2.0, got 0.7"),
        ("lenet(depth=2)", RecipeError, "unknown key 'lenet.depth'"),
    ],
)
def test_bad_specs_give_one_line(spec, kind, line):
    with pytest.raises(kind) as caught:
        parse_net(spec)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)
