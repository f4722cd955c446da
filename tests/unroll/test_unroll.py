"""The adjoint against full autograd in float64, variant by variant, and the reference against numbers by hand."""

import gc
import weakref

import pytest
import torch

import ddkit.unroll.adjoint as adjoint_module
from ddkit.errors import UsageError
from ddkit.nets import FlatNet, cross_entropy, parse_net
from ddkit.randomness import stream
from ddkit.steps import Step, step_for
from ddkit.unroll import Waypoint, largest, matching_loss, precision_cosine

CLASSES, SIDE = 3, 8
FUSED, OTHER = "instance", "batch, pool=max"  # the first has a fused step on a CPU, the second goes through autograd
RATE = torch.tensor(0.05, dtype=torch.float64)


def problem(norm="instance", steps=5, batch=4, soft=False, seed=0, trajectories=None):
    """A small ConvNet, two snapshots and minibatches drawn from a pool of images, all float64."""
    net = FlatNet(parse_net(f"convnet(depth=2, width=4, norm={norm})"), (2, SIDE, SIDE), CLASSES)
    generator = stream(seed, "unroll")
    many = trajectories or 1
    ends = torch.stack([net.init(generator, dtype=torch.float64) for _ in range(2 * many)]).view(2, many, -1)
    pool = torch.randn(7, 2, SIDE, SIDE, generator=generator, dtype=torch.float64)
    index = torch.randint(7, (many, steps, batch), generator=generator)
    labels = torch.randint(CLASSES, (7,), generator=generator)
    if soft:
        labels = torch.rand(7, CLASSES, generator=generator, dtype=torch.float64).softmax(-1)
    if trajectories is None:
        ends, index = ends[:, 0], index[0]
    return net, *ends, pool, labels, index


def gradients(engine, net, theta_0, theta_target, pool, labels, index, lr, **options):
    """(loss, d pool, d lr, d labels where soft)"""
    pool, lr = pool.clone().requires_grad_(), lr.clone().requires_grad_()
    inputs = [pool, lr]
    if labels.is_floating_point():
        labels = labels.clone().requires_grad_()
        inputs.append(labels)
    loss = matching_loss(net, theta_0, theta_target, pool[index], labels[index], lr, engine=engine, **options)
    return loss, *torch.autograd.grad(loss, inputs)


def same(case, lr, engine="adjoint", **options):
    memory = {key: options.pop(key) for key in ("memory",) if key in options}
    ours = gradients(engine, *case, lr, **options, **memory)
    for mine, oracle in zip(ours, gradients("reference", *case, lr, **options), strict=True):
        assert oracle.norm() > 0
        assert (mine - oracle).norm() <= 1e-10 * oracle.norm()
    return ours


def iterate(case, step):
    """The student after `step` plain steps."""
    net, theta, _, pool, labels, index = case
    for i in index[:step]:
        theta = theta.detach().requires_grad_()
        theta = theta - RATE * torch.autograd.grad(cross_entropy(net(theta, pool[i]), labels[i]), theta)[0]
    return theta.detach()


def options_for(name, case):
    theta_0 = case[1]
    generator = stream(3, name)

    def near():
        return theta_0 + 0.1 * torch.randn(theta_0.shape, generator=generator, dtype=torch.float64)

    mask = torch.rand(theta_0.shape[-1], generator=generator, dtype=torch.float64)
    return {
        "momentum": {"momentum": 0.9},
        "waypoints": {"waypoints": [Waypoint(2, near()), Waypoint(4, near(), 0.3), Waypoint(5, near(), 2.0)]},
        "mask": {"weights": (mask > 0.25).double()},
        "weights": {"weights": mask},
        "largest": {"weights": largest(0.75)},
        "largest of the deep": {"weights": largest(0.75, len(mask) // 4)},
        "nearest": {"match": "nearest"},
        "detached": {"gradient": "detached"},
    }[name]


@pytest.mark.parametrize("norm", ["instance", "batch", "layer", "group", "none"])
@pytest.mark.parametrize("steps", [1, 5, 20])
@pytest.mark.parametrize("soft", [False, True])
def test_adjoint_is_the_full_gradient(norm, steps, soft):
    same(problem(norm, steps, soft=soft), RATE)


def test_both_kinds_of_steps_are_tested():
    assert [step_for(*problem(norm)[:2]).fused for norm in (FUSED, OTHER)] == [True, False]


@pytest.mark.parametrize("memory", [0, 2**30], ids=["recomputed", "kept"])
@pytest.mark.parametrize("norm", [FUSED, OTHER])
@pytest.mark.parametrize(
    "name", ["momentum", "waypoints", "mask", "weights", "largest", "largest of the deep", "detached"]
)
def test_each_variant(name, norm, memory):
    case = problem(norm, soft=True)
    plain, ours = same(case, RATE), same(case, RATE, memory=memory, **options_for(name, case))
    assert (plain[1] - ours[1]).norm() > 1e-3 * plain[1].norm(), "the option changed nothing"


@pytest.mark.parametrize("norm", [FUSED, OTHER])
def test_the_nearest_iterate_ends_the_walk(norm):
    case = list(problem(norm))
    case[2] = iterate(case, 3) + 1e-3 * case[1]
    _, ours, _ = same(case, RATE, match="nearest")
    assert ours[case[5][:3].unique()].abs().sum() > 0
    images = case[3][case[5]].requires_grad_()
    loss = matching_loss(case[0], case[1], case[2], images, case[4][case[5]], RATE, match="nearest")
    (grad,) = torch.autograd.grad(loss, images)
    assert [bool(g.any()) for g in grad] == [True] * 3 + [False] * 2


@pytest.mark.parametrize("norm", [FUSED, OTHER])
def test_trajectories_at_once_are_the_mean_of_one_by_one(norm):
    case = problem(norm, soft=True, trajectories=3)
    ours = same(case, RATE)
    net, theta_0, target, pool, labels, index = case
    alone = [gradients("adjoint", net, theta_0[t], target[t], pool, labels, index[t], RATE) for t in range(3)]
    for mine, parts in zip(ours, zip(*alone, strict=True), strict=True):
        torch.testing.assert_close(mine, torch.stack(parts).mean(0), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("memory", [0, 60_000, 2**30], ids=["recomputed", "some kept", "kept"])
@pytest.mark.parametrize("norm", [FUSED, OTHER])
@pytest.mark.parametrize("gradient", ["exact", "detached"])
@pytest.mark.parametrize("match", ["last", "nearest"])
def test_all_variants_together(match, gradient, norm, memory):
    case = problem(norm, soft=True, trajectories=2)
    lr = torch.tensor([0.01, 0.1, 0.03, 0.05, 0.02], dtype=torch.float64)
    options = options_for("momentum", case) | options_for("waypoints", case) | options_for("weights", case)
    same(case, lr, memory=memory, match=match, gradient=gradient, **options)


def test_a_learning_rate_a_step():
    lr = torch.tensor([0.01, 0.1, 0.03, 0.05], dtype=torch.float64)
    assert same(problem(steps=4), lr)[2].shape == (4,)


def test_a_learning_rate_a_step_of_each_trajectory():
    case = problem(steps=4, trajectories=2)
    net, theta_0, target, pool, labels, index = case
    lr = torch.tensor([[0.01, 0.1, 0.03, 0.05], [0.2, 0.04, 0.02, 0.1]], dtype=torch.float64)
    loss, _, lr_grad = same(case, lr)
    alone = [gradients("adjoint", net, theta_0[t], target[t], pool, labels, index[t], lr[t]) for t in range(2)]
    torch.testing.assert_close(loss, (alone[0][0] + alone[1][0]) / 2)
    torch.testing.assert_close(lr_grad, torch.stack([alone[0][2], alone[1][2]]) / 2)


def test_detached_is_teslas_gradient_without_its_lost_factor():
    """By hand: v held at its last value, the sum of -lr d (g_i . v) / d images; TESLA's code gives half of it."""
    net, theta_0, theta_target, pool, labels, index = problem(steps=10)
    ours = gradients("adjoint", net, theta_0, theta_target, pool, labels, index, RATE, gradient="detached")[1]
    exact = gradients("adjoint", net, theta_0, theta_target, pool, labels, index, RATE)[1]
    leaf = pool.clone().requires_grad_()
    theta, parts = theta_0, []
    for i in index:
        inner = theta.detach().requires_grad_()
        loss = torch.nn.functional.cross_entropy(net(inner, leaf[i]), labels[i])
        (g,) = torch.autograd.grad(loss, inner, create_graph=True)
        parts.append(g)
        theta = inner - RATE * g.detach()
    v = 2 * (theta - theta_target) / (theta_0 - theta_target).square().sum()
    (detached,) = torch.autograd.grad(-RATE * sum(g @ v.detach() for g in parts), leaf)
    torch.testing.assert_close(ours, detached, rtol=1e-9, atol=1e-12)
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
    weights = torch.tensor([1.0, 3.0], dtype=torch.float64)
    for engine in ("adjoint", "reference"):
        for w in (torch.ones(2, dtype=torch.float64), weights):
            expected = (w * (stepped - target).square()).sum() / (w * (theta_0 - target).square()).sum()
            labels = torch.zeros(1, 1, dtype=torch.long)
            loss = matching_loss(net, theta_0, target, x, labels, torch.tensor(0.1), weights=w, engine=engine)
            torch.testing.assert_close(loss, expected)


def test_waypoints_and_the_largest_by_hand():
    """A network without parameters to learn from: its logits ignore theta, so the student stays where it began."""

    def net(theta, x):
        return x.flatten(1)[:, :2] + 0 * theta.sum()

    theta_0 = torch.tensor([0.0, 0.0, 0.0], dtype=torch.float64)
    target, way = torch.tensor([1.0, 2.0, 2.0], dtype=torch.float64), torch.tensor([3.0, 0.0, 4.0], dtype=torch.float64)
    x, labels = torch.ones(2, 1, 2, 1, 1, dtype=torch.float64), torch.zeros(2, 1, dtype=torch.long)
    for engine in ("adjoint", "reference"):
        options = {"waypoints": [Waypoint(1, way, 0.5), Waypoint(2, target, 2.0)], "engine": engine}
        loss = matching_loss(net, theta_0, target, x, labels, torch.tensor(0.1), **options)
        assert loss.item() == pytest.approx(1 + 0.5 + 2)
        start = torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64)
        loss = matching_loss(net, start, target, x, labels, torch.tensor(0.1), weights=largest(0.34), engine=engine)
        assert loss.item() == pytest.approx(1.0)
        assert largest(0.34)((start - target).square()).tolist() == [0, 0, 1]


def test_images_labels_and_parameters_may_differ_in_dtype():
    net, theta_0, target, pool, labels, index = problem(soft=True)
    single = (net, theta_0.float(), target.float(), pool, labels, index)
    truth = gradients("reference", net, theta_0, target, pool, labels, index, RATE)
    for mine, exact in zip(gradients("adjoint", *single, RATE.float()), truth, strict=True):
        assert (mine - exact).norm() <= 1e-3 * exact.norm()


def test_zero_steps_away_and_arrived():
    net, theta_0, theta_target, pool, labels, index = problem(steps=2)
    still = torch.zeros((), dtype=torch.float64)
    loss = matching_loss(net, theta_0, theta_target, pool[index], labels[index], still)
    assert loss.item() == pytest.approx(1.0)


@pytest.mark.parametrize("norm", [FUSED, OTHER])
def test_the_loss_alone_walks_no_way_back(norm, monkeypatch):
    net, theta_0, target, pool, labels, index = problem(norm)
    step = step_for(net, theta_0)
    expected = gradients("reference", net, theta_0, target, pool, labels, index, RATE)[0]
    monkeypatch.setattr(type(step), "product", lambda *_: pytest.fail("walked back"))
    images = pool[index].requires_grad_()
    with torch.no_grad():
        loss = matching_loss(net, theta_0, target, images, labels[index], RATE)
    torch.testing.assert_close(loss, expected.detach(), rtol=1e-10, atol=0)
    assert not matching_loss(net, theta_0, target, images.detach(), labels[index], RATE).requires_grad


@pytest.mark.parametrize("norm", [FUSED, OTHER])
def test_gradients_are_ordinary_tensors(norm):
    """A fused step works on inference tensors, which no caller could change in place or use with autograd."""
    net, theta_0, target, pool, labels, index = problem(norm, soft=True)
    given = [pool[index].requires_grad_(), labels[index].requires_grad_(), RATE.clone().requires_grad_()]
    loss = matching_loss(net, theta_0, target, *given)
    for result in (loss, *torch.autograd.grad(loss, given)):
        assert not result.is_inference()
        result = result.detach().add_(1)
        (result * torch.ones_like(result, requires_grad=True)).sum().backward()


def test_equal_shares_are_one_weighting():
    """So that one CUDA graph serves a loop that writes weights=largest(0.75) in each of its rounds."""
    assert largest(0.75) == largest(0.75) != largest(0.5) and hash(largest(0.75)) == hash(largest(0.75))


def test_largest_keeps_those_that_miss_most():
    assert largest(0.5)(torch.tensor([3.0, 1.0, 4.0, 2.0])).tolist() == [1, 0, 1, 0]


def test_largest_counts_no_skipped_parameter():
    """The share is of the others: half of three, rounded to the even two; however much a skipped one misses."""
    assert largest(0.5, skipped=2)(torch.tensor([9.0, 8.0, 3.0, 1.0, 2.0])).tolist() == [0, 0, 1, 0, 1]
    assert largest(1.0, skipped=2)(torch.tensor([9.0, 8.0, 3.0])).tolist() == [0, 0, 1]
    assert largest(0.5, skipped=1) != largest(0.5)


@pytest.mark.parametrize("norm", [FUSED, OTHER])
def test_no_more_tapes_live_than_the_memory_allows(norm, monkeypatch):
    """Watched by weak reference: with no memory one tape lives at a time, with much all, and between them some."""
    alive, most = weakref.WeakSet(), []

    class Box(list):
        __hash__ = object.__hash__

    class Watched(Step):
        fused = False

        def __init__(self, step):
            self.step = step

        def gradient(self, theta, x, y, keep=False):
            result = self.step.gradient(theta, x, y, keep)
            if not keep:
                return result
            box = Box(result.tape)
            alive.add(box)
            gc.collect()
            most.append(len(alive))
            return type(result)(result.loss, result.theta, box, 1000)

        def product(self, theta, x, y, a, tape=None):
            return self.step.product(theta, x, y, a, tape)

    def watched(*arguments):
        return Watched(step_for(*arguments))

    monkeypatch.setattr(adjoint_module, "step_for", watched)
    for memory, expected in ((0, 0), (500, 1), (3500, 3), (2**20, 6)):
        most.clear()
        gradients("adjoint", *problem(norm, steps=6), RATE, memory=memory)
        assert max(most, default=0) == expected


@pytest.mark.parametrize("norm", [FUSED, OTHER])
def test_kept_or_recomputed_the_bytes_are_the_same(norm):
    """What is free on a machine may decide how fast a run is, never what it gives."""
    net, *tensors = problem(norm, steps=6)
    case = (net, *(t.float() if t.is_floating_point() else t for t in tensors))
    without, some, every = (gradients("adjoint", *case, RATE.float(), memory=m) for m in (0, 30_000, 2**30))
    for results in zip(without, some, every, strict=True):
        assert torch.equal(results[0], results[1]) and torch.equal(results[0], results[2])


CUDA_ALONE = pytest.mark.skipif(not torch.cuda.is_available(), reason="a CPU has no TF32")


@pytest.mark.parametrize("name", [pytest.param("tf32", marks=CUDA_ALONE), "bfloat16"])
def test_precision_states_its_cosine(name):
    net, theta_0, target, pool, labels, index = problem(steps=5)
    rest = {"theta_0": theta_0.float(), "theta_target": target.float(), "labels": labels[index], "lr": RATE.float()}
    cosine = precision_cosine(net, pool[index].float(), name, **rest)
    assert 0.9 < cosine < 1 - 1e-7


def test_float32_is_no_further_from_the_truth_than_the_whole_graph():
    """Over several problems, since the kinks of ReLU make single ones differ by chance."""
    ours, full = [], []
    for seed in range(6):
        net, theta_0, target, pool, labels, index = problem(steps=20, seed=seed)
        truth = gradients("reference", net, theta_0, target, pool, labels, index, RATE)[1]
        single = (net, theta_0.float(), target.float(), pool.float(), labels, index, RATE.float())
        for engine, errors in (("adjoint", ours), ("reference", full)):
            errors.append(float((gradients(engine, *single)[1].double() - truth).norm() / truth.norm()))
    assert sorted(ours)[3] <= 2 * sorted(full)[3]
    assert max(ours) <= 2 * max(full)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"engine": "adjiont"}, "did you mean adjoint"),
        ({"engine": "captured"}, "needs CUDA tensors"),
        ({"gradient": "tesla"}, "gradient 'tesla' is unknown"),
        ({"precision": "bf16"}, "precision 'bf16' is unknown"),
        ({"lr": torch.ones(3)}, r"one a step \[5\]"),
        ({"lr": torch.ones(2, 5)}, r"of each trajectory \[1, 5\]"),
        ({"labels": torch.zeros(4, 4, dtype=torch.long)}, "images must be"),
        ({"labels": torch.zeros(5, 4)}, r"labels int64 \[N, B\] or floating-point \[N, B, K\]"),
        ({"labels": torch.zeros(5, 4, 3, dtype=torch.long)}, "labels int64"),
        ({"labels": torch.zeros(5, 4, dtype=torch.int32)}, "labels int64 .*torch.int32"),
        ({"weights": torch.ones(7, dtype=torch.float64)}, r"weights must be \[291\]"),
        ({"precision": "bfloat16"}, "keeps float32 parameters"),
        ({"lr": torch.empty((), device="meta")}, "lr must be on cpu"),
        ({"images": torch.zeros(0, 4, 2, 8, 8), "labels": torch.zeros(0, 4, dtype=torch.long)}, "images must be"),
        ({"waypoints": [Waypoint(6, torch.zeros(291, dtype=torch.float64))]}, "must be 1 to 5"),
        ({"waypoints": [Waypoint(2, torch.zeros(5, dtype=torch.float64))]}, "must have the shape of theta_0"),
    ],
)
def test_refusals(change, text):
    net, theta_0, theta_target, pool, labels, index = problem()
    arguments = {
        "theta_target": theta_target,
        "images": pool[index],
        "labels": labels[index],
        "lr": torch.tensor(0.1),
        "engine": "adjoint",
    } | change
    with pytest.raises(UsageError, match=text):
        matching_loss(net, theta_0, **arguments)
