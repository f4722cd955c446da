"""The adjoint against full autograd in float64, and the reference against numbers worked out by hand."""

import weakref

import pytest
import torch

from ddkit.errors import UsageError
from ddkit.nets import FlatNet, parse_net
from ddkit.randomness import stream
from ddkit.unroll import matching_loss

CLASSES, SIDE = 3, 8


def problem(norm="instance", steps=5, batch=4, soft=False, seed=0):
    """A small ConvNet, two snapshots and minibatches drawn from a pool of images, all float64."""
    net = FlatNet(parse_net(f"convnet(depth=2, width=4, norm={norm})"), (2, SIDE, SIDE), CLASSES)
    generator = stream(seed, "unroll")
    theta_0, theta_target = (net.init(generator, dtype=torch.float64) for _ in range(2))
    pool = torch.randn(7, 2, SIDE, SIDE, generator=generator, dtype=torch.float64)
    index = torch.randint(7, (steps, batch), generator=generator)
    labels = torch.randint(CLASSES, (7,), generator=generator)
    if soft:
        labels = torch.rand(7, CLASSES, generator=generator, dtype=torch.float64).softmax(-1)
    return net, theta_0, theta_target, pool, labels, index


def gradients(engine, net, theta_0, theta_target, pool, labels, index, lr):
    pool, lr = pool.clone().requires_grad_(), lr.clone().requires_grad_()
    inputs = [pool, lr]
    if labels.is_floating_point():
        labels = labels.clone().requires_grad_()
        inputs.append(labels)
    loss = matching_loss(net, theta_0, theta_target, pool[index], labels[index], lr, engine=engine)
    return loss, *torch.autograd.grad(loss, inputs)


@pytest.mark.parametrize("norm", ["instance", "batch", "layer", "group", "none"])
@pytest.mark.parametrize("steps", [1, 5, 20])
@pytest.mark.parametrize("soft", [False, True])
def test_adjoint_is_the_full_gradient(norm, steps, soft):
    case = problem(norm, steps, soft=soft)
    lr = torch.tensor(0.05, dtype=torch.float64)
    for ours, oracle in zip(gradients("adjoint", *case, lr), gradients("reference", *case, lr), strict=True):
        assert (ours - oracle).norm() <= 1e-10 * oracle.norm()
        assert oracle.norm() > 0


def test_a_learning_rate_a_step():
    case = problem(steps=4)
    lr = torch.tensor([0.01, 0.1, 0.03, 0.05], dtype=torch.float64)
    ours, oracle = gradients("adjoint", *case, lr), gradients("reference", *case, lr)
    assert ours[2].shape == (4,)
    torch.testing.assert_close(ours[2], oracle[2], rtol=1e-10, atol=0)


def test_the_detached_gradient_would_be_caught():
    """TESLA's approximation drops the Hessian terms; this problem tells it from the exact gradient."""
    net, theta_0, theta_target, pool, labels, index = problem(steps=10)
    lr = torch.tensor(0.05, dtype=torch.float64)
    exact = gradients("adjoint", net, theta_0, theta_target, pool, labels, index, lr)[1]
    leaf = pool.clone().requires_grad_()
    theta, parts = theta_0, []
    for i in index:
        inner = theta.detach().requires_grad_()
        loss = torch.nn.functional.cross_entropy(net(inner, leaf[i]), labels[i])
        (g,) = torch.autograd.grad(loss, inner, create_graph=True)
        parts.append(g)
        theta = inner - lr * g.detach()
    v = 2 * (theta - theta_target) / (theta_0 - theta_target).square().sum()
    (detached,) = torch.autograd.grad(-lr * sum(g @ v.detach() for g in parts), leaf)
    assert (detached - exact).norm() > 1e-3 * exact.norm()


def test_one_step_by_hand():
    """net(theta, x) = [theta_0 x, theta_1 x], one image, class 0: softmax and its derivative on paper."""

    def net(theta, x):
        return x.flatten(1) * theta

    theta_0 = torch.tensor([0.3, -0.2], dtype=torch.float64)
    target = torch.tensor([1.0, 0.5], dtype=torch.float64)
    x = torch.full((1, 1, 1, 1, 1), 2.0, dtype=torch.float64)
    p = torch.softmax(2 * theta_0, 0)
    stepped = theta_0 - 0.1 * 2 * (p - torch.tensor([1.0, 0.0]))
    expected = (stepped - target).square().sum() / (theta_0 - target).square().sum()
    for engine in ("adjoint", "reference"):
        loss = matching_loss(net, theta_0, target, x, torch.zeros(1, 1, dtype=torch.long), torch.tensor(0.1), engine)
        torch.testing.assert_close(loss, expected)


def test_zero_steps_away_and_arrived():
    net, theta_0, theta_target, pool, labels, index = problem(steps=2)
    still = torch.zeros((), dtype=torch.float64)
    loss = matching_loss(net, theta_0, theta_target, pool[index], labels[index], still)
    assert loss.item() == pytest.approx(1.0)


class Held:
    """A saved tensor, watched by weak reference: graphs that are freed at once do not count."""

    def __init__(self, tensor):
        self.tensor = tensor


def test_activation_memory_does_not_grow_with_the_steps():
    """When the loss is there, the adjoint holds N + 1 parameter vectors and its inputs; the reference the graph."""

    def held_bytes(engine, steps):
        net, theta_0, theta_target, pool, labels, index = problem(steps=steps)
        images = pool[index].requires_grad_()
        held = weakref.WeakSet()

        def pack(tensor):
            holder = Held(tensor)
            held.add(holder)
            return holder

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda holder: holder.tensor):
            loss = matching_loss(net, theta_0, theta_target, images, labels[index], torch.tensor(0.05), engine)
        assert loss.requires_grad
        storages = {h.tensor.untyped_storage().data_ptr(): h.tensor.untyped_storage().nbytes() for h in held}
        return sum(storages.values()) - images.nbytes - (steps + 1) * theta_0.nbytes

    assert abs(held_bytes("adjoint", 8) - held_bytes("adjoint", 4)) < 1_000  # labels and rates
    assert held_bytes("reference", 8) - held_bytes("reference", 4) > 100_000


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"engine": "adjiont"}, "did you mean adjoint"),
        ({"engine": "captured"}, "needs CUDA tensors"),
        ({"lr": torch.ones(3)}, r"one a step \[5\]"),
        ({"labels": torch.zeros(4, 4, dtype=torch.long)}, "images must be"),
    ],
)
def test_refusals(change, text):
    net, theta_0, theta_target, pool, labels, index = problem()
    arguments = {"images": pool[index], "labels": labels[index], "lr": torch.tensor(0.1), "engine": "adjoint"} | change
    with pytest.raises(UsageError, match=text):
        matching_loss(net, theta_0, theta_target, **arguments)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("soft", [False, True])
def test_captured_graph_is_the_full_gradient_and_can_be_replayed(soft):
    for seed in range(2):  # the second round replays the first round's graph with other inputs
        net, *tensors = problem(steps=5, soft=soft, seed=seed)
        if seed == 0:
            first = net
        case = (first, *(tensor.cuda() for tensor in tensors))
        lr = torch.tensor(0.05, dtype=torch.float64, device="cuda")
        for ours, oracle in zip(gradients("captured", *case, lr), gradients("reference", *case, lr), strict=True):
            assert (ours - oracle).norm() <= 1e-10 * oracle.norm()
