"""FlatNet against the module it wraps, loops over networks, and finite differences."""

import gc
import math
import pickle
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.testing import assert_close

from ddkit.errors import UsageError
from ddkit.nets import NETS, FlatNet, parse_net
from ddkit.randomness import stream

NORMS = ["instance", "batch", "layer", "group", "none"]
TORCHVISION = ["mobilenetv2(width=0.5)", "efficientnet-b0(width=0.5)", "shufflenet(width=0.5)"]
SHAPES = {"lenet": (3, 16, 16), "vgg11": (3, 32, 32), "resnet18": (3, 16, 16)}


def flat(spec, shape=(3, 8, 8), classes=4):
    return FlatNet(parse_net(spec), shape, classes)


def module_of(net):
    """The ordinary module that the net wraps, for use as an oracle."""
    with torch.random.fork_rng():
        return net.settings.build(net.shape, net.classes)


def batches(net, count, size, *path):
    """`count` float64 parameter vectors with a batch of images and labels each."""
    draw = stream(0, "flat", net.spec, *path)
    thetas = torch.stack([net.init(draw, torch.float64) for _ in range(count)])
    thetas += 0.01 * torch.randn(thetas.shape, generator=draw, dtype=torch.float64)  # move norms off the identity
    x = torch.randn(count, size, *net.shape, generator=draw, dtype=torch.float64)
    return thetas.requires_grad_(), x.requires_grad_(), torch.randint(net.classes, (count, size), generator=draw)


@pytest.mark.parametrize("name", sorted(NETS))
def test_theta_has_the_layout_of_named_parameters(name):
    net = flat(name, SHAPES.get(name, (3, 8, 8)))
    named = dict(module_of(net).named_parameters())
    theta = torch.arange(net.parameters, dtype=torch.float64)
    views = net.unflatten(theta)
    assert list(views) == list(named)
    assert [v.shape for v in views.values()] == [p.shape for p in named.values()]
    assert torch.equal(torch.cat([v.flatten() for v in views.values()]), theta)
    assert all(v.untyped_storage().data_ptr() == theta.untyped_storage().data_ptr() for v in views.values())


@pytest.mark.parametrize("name", sorted(NETS))
def test_a_call_is_the_module_with_these_parameters(name):
    net = flat(name, SHAPES.get(name, (3, 8, 8)))
    module = module_of(net).double()  # in float32, batch norms of two images blow up what alignment does to a sum
    theta = nn.utils.parameters_to_vector(module.parameters()).detach()
    x = torch.randn(2, *net.shape, generator=stream(0, "call"), dtype=torch.float64)
    assert_close(net(theta, x), module(x))
    assert_close(net.features(theta, x), module.features(x))
    assert_close(net.train(theta, x, net.init_stats(theta)), module(x))


def test_spec_and_repr():
    net = flat("convnet(width=32, depth=2)", (1, 8, 8), 10)
    assert net.spec == "convnet(depth=2, width=32, norm=instance, pool=avg, act=relu)"
    assert repr(net) == f"FlatNet({net.spec}, shape=(1, 8, 8), classes=10, parameters={net.parameters})"


def test_init_has_the_distribution_of_torch():
    net = flat("convnet(depth=2, width=64, norm=layer)", (3, 16, 16), 50)
    module = module_of(net)
    views = net.unflatten(net.init(stream(0, "init")))
    for name, layer in module.named_modules():
        for kind, default in layer.named_parameters(recurse=False):
            ours = views[f"{name}.{kind}"]
            if isinstance(layer, nn.LayerNorm):
                assert torch.equal(ours, default)
                continue
            bound = 1 / math.sqrt(layer.weight[0].numel())
            few = 5 / math.sqrt(ours.numel())  # several standard errors
            for values in (ours, default):
                assert bound * (1 - few) < values.abs().max() <= bound
                assert values.std().item() == pytest.approx(bound / math.sqrt(3), rel=few)
                assert abs(values.mean().item()) < bound * few


def test_init_depends_on_the_generator_alone():
    before = torch.get_rng_state()
    net = flat("convnet(depth=2, width=8)")
    theta = net.init(stream(0, "a"))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(theta, net.init(stream(0, "a")))
    assert not torch.equal(theta, net.init(stream(0, "b")))
    assert torch.equal(theta.double(), net.init(stream(0, "a"), torch.float64))


def test_init_refuses_a_layer_it_does_not_know():
    net = flat("mlp(width=8)")
    net._module.head = nn.PReLU(device="meta")
    with pytest.raises(TypeError, match="PReLU"):
        net.init(stream(0, "a"))


def test_a_call_keeps_no_graph_alive():
    net = flat("convnet(depth=1, width=8, norm=batch)")
    theta = net.init(stream(0, "a")).requires_grad_()
    scaled, stats = theta * 1, net.init_stats(theta)
    held = [weakref.ref(scaled), weakref.ref(stats["body.1.running_mean"])]
    net.train(scaled, torch.zeros(2, 3, 8, 8), stats)
    del scaled, stats
    gc.collect()
    assert [ref() for ref in held] == [None, None]


def test_a_failed_call_leaves_the_net_as_it_was():
    net = flat("convnet(depth=1, width=8, norm=batch)")
    theta, x = net.init(stream(0, "a")), torch.randn(2, 3, 8, 8, generator=stream(0, "x"))
    before = net(theta, x)
    with pytest.raises(RuntimeError):
        net.train(theta, torch.zeros(2, 3, 12, 12), net.init_stats(theta))
    assert torch.equal(net(theta, x), before)


def test_nets_travel_between_processes():
    net = flat("convnet(depth=1, width=8)")
    theta, x = net.init(stream(0, "a")), torch.randn(2, 3, 8, 8, generator=stream(0, "x"))
    assert torch.equal(pickle.loads(pickle.dumps(net))(theta, x), net(theta, x))


@pytest.mark.parametrize(
    "spec", ["convnet(depth=2, width=8, norm=batch)", "resnet18(width=8, norm=batch)", *TORCHVISION]
)
def test_statistics_are_those_of_the_module(spec):
    net = flat(spec)
    module = module_of(net).double()
    theta = nn.utils.parameters_to_vector(module.parameters()).detach()
    stats = net.init_stats(theta)
    x = torch.randn(3, 5, 3, 8, 8, generator=stream(0, "x"), dtype=torch.float64)
    module.train()
    for batch in x:
        torch.testing.assert_close(net.train(theta, batch, stats), module(batch))
        torch.testing.assert_close(net(theta, batch), module(batch))  # moves the module's statistics once more
        net.train(theta, batch, stats)
    for name, value in stats.items():
        torch.testing.assert_close(value, module.get_buffer(name))
    module.eval()
    torch.testing.assert_close(net(theta, x[0], stats), module(x[0]))
    torch.testing.assert_close(net.features(theta, x[0], stats), module.features(x[0]))


def test_networks_without_batch_norm_have_no_statistics():
    net = flat("convnet(depth=1, width=8)")
    theta, x = net.init(stream(0, "a")), torch.ones(2, 3, 8, 8)
    assert net.init_stats(theta) == {}
    assert torch.equal(net(theta, x), net(theta, x, {}))


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("pool", ["avg", "max"])
def test_vmap_is_the_loop_over_nets(norm, pool):
    """Logits, gradients, and second derivatives both reverse-over-reverse and forward-over-reverse."""
    net = flat(f"convnet(depth=2, width=8, norm={norm}, pool={pool})")
    thetas, x, y = batches(net, 3, 5)
    along = torch.randn(thetas.shape, generator=stream(0, "along"), dtype=torch.float64)

    def loss(theta, x, y):
        return F.cross_entropy(net(theta, x), y)

    def forward_over_reverse(theta, x, y, v):
        return torch.func.jvp(lambda t: torch.func.grad(loss, argnums=(0, 1))(t, x, y), (theta,), (v,))[1]

    rows = list(zip(thetas, x, y, along, strict=True))
    gradients = [torch.autograd.grad(loss(t, a, b), t, create_graph=True)[0] for t, a, b, _ in rows]
    products = [
        torch.autograd.grad(g, (t, a), v, retain_graph=True) for g, (t, a, _, v) in zip(gradients, rows, strict=True)
    ]

    torch.testing.assert_close(torch.vmap(net)(thetas, x), torch.stack([net(t, a) for t, a, *_ in rows]))
    features = torch.stack([net.features(t, a) for t, a, *_ in rows])
    torch.testing.assert_close(torch.vmap(net.features)(thetas, x), features)
    torch.testing.assert_close(torch.vmap(torch.func.grad(loss))(thetas, x, y), torch.stack(gradients))
    (stacked,) = torch.autograd.grad(torch.vmap(loss)(thetas, x, y).sum(), thetas, create_graph=True)
    torch.testing.assert_close(stacked, torch.stack(gradients))
    expected = [torch.stack(column) for column in zip(*products, strict=True)]
    torch.testing.assert_close(list(torch.autograd.grad(stacked, (thetas, x), along)), expected)
    detached = (thetas.detach(), x.detach(), y, along)
    torch.testing.assert_close(list(torch.vmap(forward_over_reverse)(*detached)), expected)


def test_vmap_over_statistics_is_the_loop_over_nets():
    net = flat("convnet(depth=2, width=8, norm=batch)")
    thetas, x, y = batches(net, 3, 5)
    single = [net.init_stats(theta) for theta in thetas]
    stacked = {name: torch.stack([stats[name] for stats in single]) for name in single[0]}

    def loss(theta, x, y, stats):
        return F.cross_entropy(net.train(theta, x, stats), y)

    for turn in range(2):
        losses = torch.stack([loss(t, a, b, s) for t, a, b, s in zip(thetas, x, y, single, strict=True)])
        (expected,) = torch.autograd.grad(losses.sum(), thetas)
        if turn == 0:
            (found,) = torch.autograd.grad(torch.vmap(loss)(thetas, x, y, stacked).sum(), thetas)
        else:
            found = torch.vmap(torch.func.grad(loss))(thetas, x, y, stacked)
        torch.testing.assert_close(found, expected)
        for name, values in stacked.items():
            torch.testing.assert_close(values, torch.stack([stats[name] for stats in single]))
            assert not values.requires_grad
    expected = torch.stack([net(t, a, s) for t, a, s in zip(thetas, x, single, strict=True)])
    torch.testing.assert_close(torch.vmap(net)(thetas, x, stacked), expected)


@pytest.mark.parametrize("norm", NORMS)
def test_derivatives_agree_with_finite_differences(norm):
    """A sigmoid, since finite differences across the kink of a ReLU would not be the derivative."""
    net = flat(f"convnet(depth=1, width=4, norm={norm}, act=sigmoid)", (1, 4, 4), 2)
    thetas, x, _ = batches(net, 1, 3, "differences")
    inputs = (thetas[0].detach().requires_grad_(), x[0].detach().requires_grad_())
    assert torch.autograd.gradcheck(net, inputs)
    assert torch.autograd.gradgradcheck(net, inputs)


@pytest.mark.parametrize(("spec", "size"), [("alexnet", 8), ("lenet", 16), ("mlp(width=16)", 8)])
def test_double_backward_through_the_other_networks(spec, size):
    """The Hessian along a direction, against the difference of two gradients."""
    net = flat(spec, (1, size, size))
    thetas, x, y = batches(net, 1, 3)
    theta, x, y = thetas[0].detach().requires_grad_(), x[0].detach(), y[0]
    along = torch.randn(net.parameters, generator=stream(0, "along"), dtype=torch.float64)
    along = along / along.norm()

    def gradient(theta, create_graph=False):
        return torch.autograd.grad(F.cross_entropy(net(theta, x), y), theta, create_graph=create_graph)[0]

    (product,) = torch.autograd.grad(gradient(theta, create_graph=True), theta, along)
    step = 1e-6
    difference = (gradient(theta + step * along) - gradient(theta - step * along)) / (2 * step)
    assert product.norm() > 0
    torch.testing.assert_close(product, difference, rtol=1e-4, atol=1e-5 * product.norm().item())


@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_threads_get_what_one_thread_gets(norm):
    """Calls, features, running statistics and moments, of parameters that differ from call to call."""
    net = flat(f"convnet(depth=2, width=8, norm={norm})")
    thetas, x, _ = batches(net, 40, 5, "threads")
    thetas, x = thetas.detach(), x.detach()

    def work(i):
        stats = net.init_stats(thetas[i])
        theta = thetas[i].clone().requires_grad_()
        trained = net.train(theta, x[i], stats)
        logits, seen = net.moments(theta, x[i], stats)
        (slope,) = torch.autograd.grad((net(theta, x[i]) ** 2).sum() + trained.sum(), theta)
        values = [trained, logits, net.features(theta, x[i]), slope, *stats.values(), *sum(seen.values(), ())]
        return [value.detach() for value in values]

    alone = [work(i) for i in range(40)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(work, [i for i in range(40) for _ in range(12)]))
    wrong = [k for k, found in enumerate(together) if not all(map(torch.equal, found, alone[k // 12]))]
    assert not wrong


def test_a_call_may_run_inside_another():
    net = flat("convnet(depth=1, width=8, norm=batch)")
    theta, x = net.init(stream(0, "a")), torch.randn(4, 3, 8, 8, generator=stream(0, "x"))
    other = net.init(stream(0, "b"))
    expected = net.moments(theta, x, net.init_stats(theta))[0]
    inner = []
    original = nn.BatchNorm2d.forward

    def nested(module, value):
        if not inner:
            inner.append(None)
            inner[0] = net(other, x)
        return original(module, value)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nn.BatchNorm2d, "forward", nested)
        found = net.moments(theta, x, net.init_stats(theta))[0]
    assert torch.equal(found, expected)
    assert torch.equal(inner[0], net(other, x))


def test_a_network_beyond_all_memory_is_one_line():
    with pytest.raises(UsageError, match=r"has [\d,]+ parameters on images of .*; make it smaller"):
        flat("mlp(depth=2, width=65536)")


@pytest.mark.parametrize("name", sorted(NETS))
def test_activations_are_the_same_on_the_cpu_and_on_the_meta_device(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shape, found = (3, 32, 32), set()
    for limit in (0, 2**40):
        monkeypatch.setattr("ddkit.nets.net.RUNS_AT_ONCE", limit)
        found.add(parse_net(name).blueprint(shape, 10).activations(shape))
    assert len(found) == 1 and min(found) > 1000
