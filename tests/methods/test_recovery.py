"""The loss of a recovery and its gradient: in parts as in one pass, several sets as each alone, by hand; float64."""

import dataclasses
import itertools
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from kornia.geometry.transform import hflip

from ddkit.errors import UsageError
from ddkit.experts import Bundle, Ensemble
from ddkit.methods import Context
from ddkit.methods.infer import INFER, InferSettings
from ddkit.methods.recovery import Recovery
from ddkit.methods.recovery_loss import matched
from ddkit.methods.recovery_settings import RecoverySettings
from ddkit.methods.sre2l import SRe2L, SRe2LSettings
from ddkit.methods.statistics import bn_distance
from ddkit.nets import FlatNet, parse_net
from ddkit.randomness import stream

CLASSES = 7
NETS = ["convnet(depth=2, width=5, norm=batch)", "convnet(depth=1, width=4)"]


def teacher(spec: str, ensemble: Ensemble) -> Bundle:
    """An untrained teacher of seven classes, in float64, whose statistics are no batch's."""
    facts = dataclasses.replace(ensemble.teachers[0].facts, net=spec, classes=tuple("abcdefg"))
    net, draw = FlatNet(parse_net(spec), facts.shape, CLASSES), stream(0, "teacher", spec)
    theta = net.init(draw, torch.float64)
    stats = {n: v + torch.rand(v.shape, generator=draw, dtype=torch.float64) for n, v in net.init_stats(theta).items()}
    return Bundle(theta, stats, facts)


def sets(count: int) -> torch.Tensor:
    return torch.randn(count, CLASSES, 1, 8, 8, generator=stream(0, "sets"), dtype=torch.float64)


def by_hand(bundle: Bundle, z: torch.Tensor, settings: RecoverySettings) -> tuple[torch.Tensor, torch.Tensor]:
    """Each set's own loss, summed, through autograd in one pass."""
    z = z.clone().requires_grad_()
    losses = []
    for own in z:
        logits, moments = bundle.net.moments(bundle.theta, own, bundle.stats)
        fit = F.cross_entropy(logits, torch.arange(CLASSES))
        losses.append(fit + settings.r_bn * bn_distance(moments, bundle.stats, settings.bn_distance)[0])
    total = torch.stack(losses).sum()
    return total.detach() / len(z), torch.autograd.grad(total, z)[0]


@pytest.mark.parametrize("distance", ["norm", "relative"])
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("batch", [100, 7, 6, 3, 2, 1])
@pytest.mark.parametrize("spec", NETS)
def test_parts_and_several_sets_change_nothing(
    spec: str, batch: int, count: int, distance: str, ensemble: Ensemble
) -> None:
    """In one pass, in parts of unequal size and one image at a time: what autograd finds for each set alone."""
    settings = RecoverySettings(batch=batch, r_bn=0.3, bn_distance=distance)
    bundle, z = teacher(spec, ensemble), sets(count)
    loss, gradient = matched(bundle, z, torch.arange(CLASSES), settings)
    expected_loss, expected = by_hand(bundle, z, settings)
    torch.testing.assert_close(loss, expected_loss, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(gradient, expected, rtol=1e-10, atol=1e-12)
    assert gradient.norm() > 1e-3 and not loss.requires_grad


def test_the_gradient_is_that_of_finite_differences(ensemble: Ensemble) -> None:
    settings = RecoverySettings(batch=3)
    bundle, z = teacher(NETS[0], ensemble), sets(2)
    way = torch.randn(z.shape, generator=stream(0, "way"), dtype=torch.float64)
    step = 1e-6
    up, down = (2 * matched(bundle, z + sign * step * way, torch.arange(CLASSES), settings)[0] for sign in (1, -1))
    assert float((up - down) / (2 * step)) == pytest.approx(
        float((matched(bundle, z, torch.arange(CLASSES), settings)[1] * way).sum()), rel=1e-6
    )


def test_statistics_weigh_what_is_asked(ensemble: Ensemble) -> None:
    bundle, z = teacher(NETS[0], ensemble), sets(1)
    fit, one, two = (
        float(matched(bundle, z, torch.arange(CLASSES), RecoverySettings(r_bn=r))[0]) for r in (0.0, 1.0, 2.0)
    )
    assert fit == pytest.approx(float(F.cross_entropy(bundle.net(bundle.theta, z[0], bundle.stats), torch.arange(7))))
    assert one > fit and two - fit == pytest.approx(2 * (one - fit), rel=1e-9)


def in_float64(context: Context) -> Context:
    assert context.teachers is not None
    bundles = tuple(
        Bundle(b.theta.double(), {n: v.double() for n, v in b.stats.items()}, b.facts) for b in context.teachers
    )
    train = dataclasses.replace(context.real.train, images=context.real.train.images.double())
    return dataclasses.replace(
        context,
        task=dataclasses.replace(context.task, real=dataclasses.replace(context.real, train=train)),
        teachers=dataclasses.replace(context.teachers, teachers=bundles),
    )


def test_a_compensator_takes_the_steps_of_the_papers_loop(make_context: Callable[..., Context]) -> None:
    """One set, no shift: autograd through x + u, torch's Adam and cosine, on the teacher's ordinary module."""
    context = in_float64(make_context("teacher"))
    steps = 6
    method = INFER(InferSettings(ipc=2, iterations=steps, lr=0.2, r_bn=0.5, jitter=0), context)
    state = method.init()
    assert method.shape == (2, 1) and method.iterations == 2 * steps
    assert torch.equal(state.learned, torch.zeros_like(state.learned))
    for _ in range(2 * steps):
        state, _ = method.step(state)
    assert context.teachers is not None
    for m, bundle in enumerate(context.teachers):
        with torch.random.fork_rng():
            module = bundle.net.settings.build((1, 8, 8), 3).double().eval()
        torch.nn.utils.vector_to_parameters(bundle.theta, module.parameters())
        module.load_state_dict(bundle.stats, strict=False)
        layers = [layer for layer in module.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
        met: list[torch.Tensor] = []
        for layer in layers:
            layer.register_forward_pre_hook(lambda _, given, met=met: met.append(given[0]))
        u = torch.zeros(1, 1, 8, 8, dtype=torch.float64, requires_grad=True)
        adam = torch.optim.Adam([u], lr=0.2, betas=(0.5, 0.9))
        cosine = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
        for _ in range(steps):
            met.clear()
            loss = F.cross_entropy(module(method.fixed()[0] + u), torch.arange(3))
            for i, (layer, x) in enumerate(zip(layers, met, strict=True)):
                assert layer.running_mean is not None and layer.running_var is not None
                spread = layer.running_var - x.var((0, 2, 3), unbiased=False)
                shift = layer.running_mean - x.mean((0, 2, 3))
                loss = loss + 0.5 * (10 if i == 0 else 1) * (spread.norm() + shift.norm())
            adam.zero_grad()
            loss.backward()
            adam.step()
            cosine.step()
        torch.testing.assert_close(state.learned[m, 0, 0], u.detach()[0], rtol=1e-8, atol=1e-9)
        assert u.detach().abs().max() > 0.1


@pytest.mark.parametrize("kind, settings", [(SRe2L, SRe2LSettings), (INFER, InferSettings)])
def test_sets_that_are_recovered_together_are_those_alone(
    kind: type, settings: type, make_context: Callable[..., Context]
) -> None:
    """Without shifts nothing is drawn on the way, so that 1, 2 or all sets at a time end in the same images."""
    context = in_float64(make_context("teacher"))
    found = []
    for batch in (3, 6, 100):  # of 3 classes
        method = kind(settings(ipc=7, iterations=4, jitter=0, batch=batch), context)
        state = method.init()
        sizes = {(m, len(range(*sets.indices(method.shape[1])))) for m, sets in method._runs}
        assert max(size for _, size in sizes) == min(batch // 3, method.shape[1])
        for _ in range(method.iterations):
            state, _ = method.step(state)
        found.append(state.learned)
    for other in found[1:]:
        torch.testing.assert_close(other, found[0], rtol=1e-8, atol=1e-9)
    assert method.shape[1] > 2


def test_a_course_is_seen_while_it_runs_and_kept_when_it_ends(make_context: Callable[..., Context]) -> None:
    """What is shown of a run on its way are all sets: those that are done, at work, and still to come."""
    method = SRe2L(SRe2LSettings(ipc=3, iterations=2, batch=3), make_context("teacher"))
    state = method.init()
    begun, seen = state.learned, [method.recovered(state)]
    for _ in range(method.iterations):
        state, _ = method.step(state)
        seen.append(method.recovered(state))
    for done, (before, after) in enumerate(itertools.pairwise(seen)):
        moved = (before != after).flatten(3).any(-1).any(-1)[0]
        assert moved.tolist() == [j == done // 2 for j in range(3)]
    assert torch.equal(state.learned, seen[-1]) and torch.equal(begun, seen[0])


@pytest.mark.parametrize("crop", [False, True])
def test_a_view_is_one_for_a_whole_set_and_drawn_anew(make_context: Callable[..., Context], crop: bool) -> None:
    method = SRe2L(SRe2LSettings(ipc=2, jitter=3, crop=crop), make_context("teacher"))
    image = torch.randn(1, 1, 8, 8, generator=stream(0, "image"))
    draw = stream(0, "views")
    views = [method._view(image.expand(3, -1, -1, -1), draw) for _ in range(40)]
    assert all(torch.equal(view[0], view[1]) and torch.equal(view[0], view[2]) for view in views)
    if not crop:
        shifts = {tuple(v[0].flatten().tolist()): v for v in views}
        expected = {
            tuple(image[0].roll((down, right), (-2, -1)).flatten().tolist()) for down in range(4) for right in range(4)
        }
        assert set(shifts) <= expected and len(shifts) > 8
    assert torch.equal(SRe2L(SRe2LSettings(jitter=0), make_context("teacher"))._view(image, draw), image)


@pytest.mark.parametrize("kind, settings", [(SRe2L, SRe2LSettings), (INFER, InferSettings)])
def test_without_teachers_it_is_one_line(kind: type, settings: type, make_context: Callable[..., Context]) -> None:
    with pytest.raises(UsageError, match="needs teachers"):
        kind(settings(), make_context(None))


@pytest.mark.parametrize("kind", [INFER, SRe2L])
def test_fyi_with_the_identity_for_a_flip_is_its_host(
    kind: type[INFER] | type[SRe2L], make_context: Callable[..., Context], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice the same image has the same cross entropy and the same moments; a true flip has not."""
    context = in_float64(make_context("teacher"))

    def after(fyi: bool) -> torch.Tensor:
        method = kind(kind.settings_class(ipc=2, iterations=3, fyi=fyi), context)  # type: ignore[arg-type]
        state = method.init()
        for _ in range(3):
            state, _ = method.step(state)
        return method.recovered(state)

    host, flipped = after(False), after(True)
    assert (host - flipped).abs().max() > 1e-3
    monkeypatch.setattr("ddkit.methods.fyi.mirrored", lambda images: images)
    torch.testing.assert_close(after(True), host, rtol=0, atol=1e-9)


def test_fyi_asks_for_both_views_of_an_image(ensemble: Ensemble) -> None:
    """The loss of a set and its mirror images is that of both as one batch, with classes and statistics of both."""
    bundle, z, settings = teacher(NETS[0], ensemble), sets(1), RecoverySettings(fyi=True)
    both, classes = settings.expand(z), settings.expand_index(torch.arange(CLASSES))
    logits, moments = bundle.net.moments(bundle.theta, torch.cat([z[0], hflip(z[0])]), bundle.stats)
    expected = F.cross_entropy(logits, torch.arange(CLASSES).repeat(2))
    expected = expected + settings.r_bn * bn_distance(moments, bundle.stats, "norm")[0]
    torch.testing.assert_close(matched(bundle, both, classes, settings)[0], expected, rtol=1e-10, atol=0)


def test_with_fyi_as_many_images_as_the_batch_go_together(make_context: Callable[..., Context]) -> None:
    host, fyi = (SRe2L(SRe2LSettings(ipc=4, batch=12, fyi=fyi), make_context("teacher")) for fyi in (False, True))
    assert (host.together, fyi.together) == (4, 2)  # 12 images of 3 classes


@pytest.mark.parametrize("distance", ["norm", "relative"])
def test_bfloat16_states_what_it_costs_and_costs_little(make_context: Callable[..., Context], distance: str) -> None:
    """The teacher's maps are bfloat16, what is learned and the statistics are not."""

    def run(precision: str) -> tuple[list[dict], torch.Tensor]:
        settings = SRe2LSettings(ipc=2, iterations=4, precision=precision, bn_distance=distance, r_bn=1.0, batch=3)
        method = SRe2L(settings, make_context("teacher"))
        state, rows = method.init(), []
        for _ in range(method.iterations):
            again = SRe2L(settings, make_context("teacher"))  # as in a resumed run: metrics are the state's alone
            state, metrics = again.step(state)
            rows.append(dict(metrics))
        return rows, method.recovered(state)

    (rows, images), (plain, exact) = run("bfloat16"), run("float32")
    assert 0.99 < rows[0]["gradient_cosine"] < 1 - 1e-9 and not any("gradient_cosine" in row for row in rows[1:])
    assert not any("gradient_cosine" in row for row in plain)
    assert images.dtype == torch.float32 and not torch.equal(images, exact)
    torch.testing.assert_close(rows[0]["loss"], plain[0]["loss"], rtol=2e-2, atol=0)


def test_a_recovery_that_lacks_a_part_is_refused_when_it_is_defined() -> None:
    with pytest.raises(TypeError, match=r"Half: a recovery must define begin, shape$"):
        type("Half", (Recovery,), {"fixed": lambda self: torch.zeros(())})
    type("Whole", (SRe2L,), {"begin": lambda self, generator: torch.zeros(())})  # the other parts are inherited
