"""NCFM against an independent loop over torch's Adam in float64, and what its settings do."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ddkit.errors import RecipeError, UsageError
from ddkit.methods import Context, method_class
from ddkit.methods.ncfm import NCFM, CharacteristicMatching, Draw, NCFMState
from ddkit.methods.ncfm_release import NCFMRelease
from ddkit.nets import FlatNet
from ddkit.randomness import restored

ITERATIONS, K = 3, 3
SMALL: dict[str, Any] = {"ipc": 2, "batch_real": 5, "frequencies": 40, "expert_epochs": 3, "iterations": ITERATIONS}

InFloat64 = Callable[..., Context]


def make(name: str, context: Context, **settings: Any) -> Any:
    cls = method_class(name)
    return cls(cls.settings_class(**(SMALL | settings)), context)


def published_distance(real: Tensor, synthetic: Tensor, t: Tensor, alpha: float, beta: float) -> Tensor:
    """Amplitudes and phases apart, as the paper writes it; the root is smoothed as in ddkit."""
    c, s = ((x @ t.T).cos().mean(0) for x in (real, synthetic))
    a, b = ((x @ t.T).sin().mean(0) for x in (real, synthetic))
    m, n = (c**2 + a**2).sqrt(), (s**2 + b**2).sqrt()
    q = alpha * (m - n) ** 2 + beta * 2 * (m * n - c * s - a * b)
    return ((q + 2.0**-20).sqrt() - 2.0**-10).mean()


def match(method: CharacteristicMatching, drawn: Draw, c: int, images: Tensor, psi: Tensor) -> Tensor:
    """The distance of class c's features."""
    settings, context, network = method._settings, method._context, drawn.matching
    real = context.real.train.images[drawn.real[c]]
    pair = [context.dsa.apply(x[None], drawn.params[c])[0] for x in (real, images)]
    f, g = (context.net.features(network.theta, x, network.stats) for x in pair)
    if settings.length == "each":
        f, g = f / f.norm(dim=1, keepdim=True), g / g.norm(dim=1, keepdim=True)
    else:
        f, g = f / f.norm(dim=1).mean(), g / f.norm(dim=1).mean()
    t = method._sampler.frequencies(psi, drawn.frequencies)
    return published_distance(f.detach(), g, t, settings.amplitude, settings.phase)


def calibrate(method: CharacteristicMatching, drawn: Draw, number: int, c: int, images: Tensor) -> Tensor:
    """The weighted cross entropy of class c's images in a calibration."""
    context, network = method._context, drawn.calibrating
    x = context.dsa.apply(images[None], drawn.calibrations[number][c])[0]
    logits = context.net(network.theta, x, network.stats)
    return method._settings.calibration_weight * F.cross_entropy(logits, torch.full((len(x),), c))


def by_torch(method: CharacteristicMatching, state: NCFMState, context: Context) -> tuple[Tensor, Tensor, list[float]]:
    """Images, parameters of the sampling network, and losses after all iterations, with torch's Adam.

    With one state a class every class has an optimiser of its own; else one optimiser has all images and steps once for
    each class. The draws are those of the method.
    """
    settings, experts = method._settings, context.trajectories
    assert experts is not None
    whole = settings.state == "all"
    parts = [own.clone().requires_grad_() for own in ([state.images] if whole else state.images.split(2))]
    psi = state.psi.clone().requires_grad_()
    adams = [torch.optim.Adam([part], lr=settings.lr_img) for part in parts]
    ascent = torch.optim.Adam([psi], lr=settings.lr_sampler, maximize=True)
    turns = K if whole else 1
    steps, taken, raised, losses = ITERATIONS * turns * (1 + settings.calibrations), 0, 0, []

    def at(rate: float, t: int, of: int) -> float:
        return rate * (1 + math.cos(math.pi * t / of)) / 2

    def images_of(c: int) -> Tensor:
        return parts[0][2 * c : 2 * c + 2] if whole else parts[c]

    generator = restored(state.rng)
    for _ in range(ITERATIONS):
        drawn = method._draw(generator)
        losses.append(0.0)

        assert any(torch.equal(experts.row(e, settings.expert_epochs), drawn.calibrating.theta) for e in (0, 1))
        for number in range(-1, settings.calibrations):
            for turn in range(turns):
                classes = [turn] if whole else range(K)
                for value in (*parts, psi):
                    value.grad = torch.zeros_like(value)
                for c in classes:
                    if number < 0:
                        loss = match(method, drawn, c, images_of(c), psi)
                        losses[-1] += float(loss.detach()) / K
                    else:
                        loss = calibrate(method, drawn, number, c, images_of(c))
                    loss.backward()
                for adam in adams:
                    adam.param_groups[0]["lr"] = at(settings.lr_img, taken, steps)
                    adam.step()
                taken += 1
                if number < 0:
                    if len(psi):
                        ascent.param_groups[0]["lr"] = at(settings.lr_sampler, raised, ITERATIONS * turns)
                        ascent.step()
                    raised += 1
    return torch.cat(parts).detach(), psi.detach(), losses


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("ncfm", {}),
        ("ncfm", {"calibrations": 2, "calibration_weight": 0.5, "amplitude": 0.9, "phase": 0.1}),
        ("ncfm", {"state": "all", "length": "each"}),
        ("ncfm-release", {}),
        ("ncfm-release", {"state": "class", "sampler": "network"}),
    ],
)
@pytest.mark.parametrize("net", ["convnet(depth=1, width=4)", "convnet(depth=1, width=4, norm=batch)"])
def test_it_is_a_plain_loop_of_torchs_adam(
    name: str, settings: dict[str, Any], net: str, in_float64: InFloat64
) -> None:
    context = in_float64(net, "color_crop_scale")
    method = make(name, context, lr_img=0.01, **settings)
    state = begun = method.init()
    expected = by_torch(method, begun, context)
    losses = []
    for _ in range(ITERATIONS):
        state, metrics = method.step(state)
        losses.append(float(metrics["loss"]))
    torch.testing.assert_close(state.images, expected[0], rtol=0, atol=1e-6)
    torch.testing.assert_close(state.psi, expected[1], rtol=0, atol=1e-6)
    assert losses == pytest.approx(expected[2], rel=1e-6)
    assert (state.images - begun.images).abs().max() > 0.01
    assert (len(state.psi) == 0) == (method._settings.sampler == "normal")


def test_the_sampling_network_learns(in_float64: InFloat64) -> None:
    """In the released code its gradient is 0. Here the first step moves the last layer, and later ones all layers."""
    method = make("ncfm", in_float64())
    begun = method.init()
    one, _ = method.step(begun)
    two, _ = method.step(one)
    moved = [(new - begun.psi).abs() for new in (one.psi, two.psi)]
    hidden = method._sampler._sizes[0]
    assert float(moved[0][hidden:].max()) == pytest.approx(0.001, rel=1e-3)  # Adam's first step is its rate
    assert moved[0][:hidden].max() == 0 and moved[1][:hidden].max() > 1e-5
    other, _ = make("ncfm", in_float64(), sampler="normal", iterations=1).step(method.init())
    assert torch.equal(other.psi, begun.psi)


def test_a_step_of_the_network_raises_the_loss_and_one_of_the_images_lowers_it(in_float64: InFloat64) -> None:
    """On the draws of that step. Each is moved alone, by a small step."""
    method = make("ncfm", in_float64(), lr_img=1e-4, lr_sampler=1e-4)
    state = method.init()
    for _ in range(2):  # psi has left its first values
        state, _ = method.step(state)
    new, before = method.step(state)
    _, raised = method.step(dataclasses.replace(state, psi=new.psi))
    _, lowered = method.step(dataclasses.replace(state, images=new.images))
    assert raised["loss"] > before["loss"] > lowered["loss"]


def test_networks_are_between_an_experts_first_and_last_one(
    in_float64: InFloat64, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = in_float64()
    assert context.trajectories is not None
    rows = context.trajectories.rows  # type: ignore[attr-defined]
    seen: list[Tensor] = []
    run = FlatNet.features
    monkeypatch.setattr(FlatNet, "features", lambda net, theta, *rest: seen.append(theta) or run(net, theta, *rest))
    shares = []
    for networks in ("blend", "epoch"):
        method = make("ncfm", context, networks=networks, iterations=30, batch_real=1, expert_epochs=2)
        state = method.init()
        for _ in range(30):
            seen.clear()
            state, _ = method.step(state)
            assert all(torch.equal(theta, seen[0]) for theta in seen) and len(seen) == 2 * K
            if networks == "epoch":
                shares.append([bool((row == seen[0]).all()) for row in rows[:, :3].flatten(0, 1)].index(True))
                continue
            residuals = []
            for first, last in rows[:, [0, 2]]:
                along = first - last
                share = float((seen[0] - last) @ along / along.square().sum())
                residuals.append((float((seen[0] - last - share * along).norm()), share))
            off, share = min(residuals)
            assert off < 1e-12 and 0 <= share <= 1
    assert set(shares) == set(range(6))


@pytest.mark.parametrize("method", [NCFM, NCFMRelease])
def test_the_presets_are_those_of_the_paper_and_of_the_release(method: Any) -> None:
    """Section 5.1 of the paper, and the release's config/*.yaml."""
    own = method.settings_class()
    expected = {"ncfm": (1024, "network", "class", "mean", 0), "ncfm-release": (4096, "normal", "all", "each", 1)}
    assert (own.frequencies, own.sampler, own.state, own.length, own.calibrations) == expected[own.name]
    assert (own.iterations, own.batch_real, own.amplitude, own.phase, own.expert_epochs) == (20000, 1024, 0.5, 0.5, 60)
    assert own.calibration_weight == pytest.approx(1 / 300) and own.networks == "blend"


def test_the_amplitude_of_the_real_features_is_a_metric(in_float64: InFloat64) -> None:
    """A scale that is too large gives amplitudes near 0, one that is too small near 1."""
    found = []
    for scale in (0.01, 1.0, 100.0):
        method = make("ncfm", in_float64(), scale=scale, batch_real=14)
        found.append(float(method.step(method.init())[1]["amplitude"]))
    assert found[0] > 0.999 and 0.5 < found[1] < 0.99 and found[2] < 0.5


def test_without_experts_it_is_refused_in_one_line(make_context: Callable[..., Context]) -> None:
    with pytest.raises(UsageError, match=r"^method 'ncfm' reads expert trajectories, but the context has none$"):
        make("ncfm", make_context(None))


def test_weights_of_zero_are_refused_in_one_line() -> None:
    with pytest.raises(RecipeError, match=r"^key 'method.phase': is 0, and method.amplitude too, so nothing is match"):
        NCFM.settings_class(amplitude=0.0, phase=0.0)
    assert NCFM.settings_class(amplitude=0.0).phase == NCFM.settings_class(phase=0.0).amplitude == 0.5


def test_a_probe_reads_one_epoch_only() -> None:
    settings = NCFM.settings_class(expert_epochs=60)
    assert settings.shortened(1).reads_epochs == 1 and settings.reads_epochs == 60
