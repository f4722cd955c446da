"""DC and DSA against a double backward through autograd in float64, and against the published tables."""

import pytest
import torch
import torch.nn.functional as F

from ddkit.methods.class_batches import BN_IMAGES
from ddkit.methods.dc import DC, DCSettings
from ddkit.methods.dsa import DSAMatching, DSASettings
from ddkit.methods.gradient_distance import gradient_distance
from ddkit.steps import AutogradStep

BN = "convnet(depth=2, width=4, norm=batch)"


def stream_of(state):
    """A generator where the state's is."""
    generator = torch.Generator()
    generator.set_state(state.rng)
    return generator


def by_loops(net, real, synthetic, metric):
    """The three distances, number by number."""
    if metric == "mse":
        return sum((a - b) ** 2 for a, b in zip(real.tolist(), synthetic.tolist(), strict=True))
    if metric == "cos":
        return 1 - sum(real * synthetic) / (real.norm() * synthetic.norm() + 1e-6)
    total = 0.0
    for a, b in zip(net.unflatten(real).values(), net.unflatten(synthetic).values(), strict=True):
        if a.ndim > 1:
            for row, other in zip(a, b, strict=True):
                row, other = row.flatten(), other.flatten()
                total += 1 - sum(row * other) / (row.norm() * other.norm() + 1e-6)
    return total


@pytest.mark.parametrize("metric", ["ours", "mse", "cos"])
@pytest.mark.parametrize("net", ["convnet(depth=1, width=4)", "convnet(depth=1, width=4, norm=layer)"])
def test_the_distances(metric, net, in_float64):
    context = in_float64(net)
    generator = torch.Generator().manual_seed(0)
    real, synthetic = (torch.randn(context.net.parameters, generator=generator, dtype=torch.float64) for _ in range(2))
    found = gradient_distance(context.net, real, synthetic, metric)
    assert float(found) == pytest.approx(float(by_loops(context.net, real, synthetic, metric)), rel=1e-12)


def test_a_dead_unit_has_a_distance_and_a_derivative(in_float64):
    """Its row is zeros, whose norm has no derivative."""
    net = in_float64().net
    real, synthetic = torch.ones(net.parameters).double(), torch.zeros(net.parameters).double().requires_grad_()
    distance = gradient_distance(net, real, synthetic, "ours")
    assert float(distance.detach()) == sum(len(v) for v in net.unflatten(real).values() if v.ndim > 1)
    assert torch.autograd.grad(distance, synthetic)[0].isfinite().all()


def expected_images(method, settings, context, state):
    """One matching by hand: the draws repeated, and everything else by autograd's double backward."""
    generator, net, theta = stream_of(state), context.net, state.theta
    members = [(context.real.train.labels == c).nonzero().flatten() for c in range(3)]

    def draw(c, size):
        return context.real.train.images[members[c][torch.randperm(len(members[c]), generator=generator)[:size]]]

    stats = None
    if net.has_stats:
        seen = torch.cat([draw(c, BN_IMAGES) for c in range(3)])
        hooked = net.init_stats(theta)
        net.train(theta, seen, hooked)
        initial = net.init_stats(theta)
        stats = {name: (hooked[name] - 0.9 * initial[name]) / 0.1 for name in hooked}
    images, total = state.images.clone().requires_grad_(), 0
    for c in range(3):
        real, own = draw(c, settings.batch_real), images[c * settings.ipc : (c + 1) * settings.ipc]
        if settings.augmented:
            params = context.dsa.sample(generator, 1, None, (8, 8))
            real, own = context.dsa.apply(real[None], params)[0], context.dsa.apply(own[None], params)[0]
        gradients = []
        for x in (real, own):
            at = theta.clone().requires_grad_()
            loss = F.cross_entropy(net(at, x, stats), torch.full((len(x),), c))
            gradients.append(torch.autograd.grad(loss, at, create_graph=True)[0])
        total = total + gradient_distance(net, gradients[0].detach(), gradients[1], settings.dis_metric)
    (gradient,) = torch.autograd.grad(total, images)
    return state.images - settings.lr_img * gradient, total


@pytest.mark.parametrize("net", ["convnet(depth=2, width=4)", BN, "mlp(width=8, depth=2)"])
@pytest.mark.parametrize(("cls", "settings_class"), [(DC, DCSettings), (DSAMatching, DSASettings)])
@pytest.mark.parametrize("metric", ["ours", "mse"])
def test_a_matching_is_the_double_backward(net, cls, settings_class, metric, in_float64):
    context = in_float64(net, augment="color_crop_scale_rotate")
    settings = settings_class(ipc=2, batch_real=5, outer_loop=2, inner_loop=1, dis_metric=metric, lr_img=0.3)
    method = cls(settings, context)
    state = method.init()
    images, loss = expected_images(method, settings, context, state)
    new, metrics = method.step(state)
    torch.testing.assert_close(new.images, images, rtol=0, atol=1e-10)
    torch.testing.assert_close(metrics["loss"], loss.detach(), rtol=1e-10, atol=0)
    assert (new.images - state.images).abs().max() > 1e-6


def test_between_matchings_the_network_trains_on_the_set(in_float64):
    context = in_float64()
    method = DC(DCSettings(ipc=2, batch_real=5, outer_loop=2, inner_loop=3, lr_net=0.1), context)
    state = method.init()
    new, _ = method.step(state)
    theta = state.theta.clone().requires_grad_()
    optimizer = torch.optim.SGD([theta], lr=0.1)
    for _ in range(3):  # one batch holds the whole set, so that the order does not matter
        optimizer.zero_grad()
        F.cross_entropy(context.net(theta, new.images), torch.arange(3).repeat_interleave(2)).backward()
        optimizer.step()
    torch.testing.assert_close(new.theta, theta.detach(), rtol=0, atol=1e-12)
    fresh, _ = method.step(new)  # the second matching is this network's last
    assert (new.matched, fresh.matched) == (1, 0)
    assert (fresh.theta - new.theta).abs().max() > 0.1


def test_the_inner_loop_takes_batches_and_augments_them_as_dsa_does(in_float64, monkeypatch):
    sizes, applied, plain = [], [], AutogradStep.gradient

    def spy(self, theta, x, y, keep=False):
        sizes.append(len(x))
        return plain(self, theta, x, y, keep)

    context = in_float64("mlp(depth=1, width=8)", augment="color_crop")
    monkeypatch.setattr(AutogradStep, "gradient", spy)
    monkeypatch.setattr("ddkit.data.DSA.apply", staticmethod(lambda x, params: applied.append(x.shape[1]) or x))
    for cls, settings_class in ((DC, DCSettings), (DSAMatching, DSASettings)):
        method = cls(settings_class(ipc=3, batch_real=5, batch_train=4, outer_loop=2, inner_loop=2), context)
        method.step(method.init())
    # the largest batch is no larger than a class's, however many classes there are
    assert sizes == 2 * (3 * [5, 3] + 2 * [4, 4, 1])
    assert applied == 3 * [5, 3] + 2 * [4, 4, 1]


@pytest.mark.parametrize(
    ("ipc", "loops"), [(1, (1, 1)), (2, (10, 50)), (10, (10, 50)), (20, (20, 25)), (50, (50, 10)), (200, (50, 10))]
)
def test_loops_are_the_papers_at_its_sizes_and_defined_at_all(ipc, loops):
    assert DSASettings(ipc=ipc).loops_at(ipc) == loops
    assert DSASettings(ipc=ipc, iterations=3).total_iterations == 3 * loops[0]


def test_loops_can_be_set():
    assert DCSettings(ipc=10, outer_loop=3).loops_at(10) == (3, 50)
    assert DCSettings(ipc=10, inner_loop=0).loops_at(10) == (10, 0)


def test_dc_neither_augments_nor_begins_at_real_images_and_dsa_does_both(in_float64, monkeypatch):
    context = in_float64(augment="color_crop")
    applied = []
    monkeypatch.setattr("ddkit.data.DSA.apply", staticmethod(lambda x, params: applied.append(1) or x))
    dc = DC(DCSettings(ipc=1, batch_real=5), context)
    dc.step(dc.init())
    assert not applied
    dsa = DSAMatching(DSASettings(ipc=1, batch_real=5), context)
    dsa.step(dsa.init())
    assert len(applied) == 6  # both batches of each class
    real = context.real.train.images
    assert all((real == image).flatten(1).all(1).any() for image in dsa.init().images)
    assert not any((real == image).flatten(1).all(1).any() for image in dc.init().images)
