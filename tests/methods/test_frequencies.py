"""Frequencies of NCFM, and that the sampling network learns: against fixed frequencies and grid searches."""

import dataclasses
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ddkit.methods.annealed_adam import annealed_adam
from ddkit.methods.characteristic import characteristic, characteristic_distance
from ddkit.methods.frequencies import COPIES, RANGE, FrequencyDraw, FrequencySampler, FrequencySettings
from ddkit.randomness import stream

LIKE = torch.zeros((), dtype=torch.float64)
BETAS = (0.9, 0.999)


def sampler(features: int, **settings: object) -> tuple[FrequencySampler, Tensor, FrequencyDraw]:
    """A sampler with its first parameters and a draw."""
    made = FrequencySampler(FrequencySettings(**settings), features)  # type: ignore[arg-type]
    return made, made.init(stream(0, "psi"), LIKE), made.draw(stream(0, "draw"), LIKE)


def distance(real: Tensor, synthetic: Tensor, frequencies: Tensor) -> Tensor:
    return characteristic_distance(
        characteristic(real, frequencies), characteristic(synthetic, frequencies), amplitude=0.5, phase=0.5
    )


def ascended(psi: Tensor, value_of: Callable[[Tensor], Tensor], steps: int, lr: float) -> Tensor:
    """psi after so many steps of Adam up a function's gradient."""
    first, second = torch.zeros_like(psi), torch.zeros_like(psi)
    for t in range(steps):
        own = psi.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(value_of(own), own)
        psi, first, second = annealed_adam(psi, first, second, -gradient, t, steps, lr, betas=BETAS)
    return psi


@pytest.mark.parametrize("name", ["normal", "network"])
def test_frequencies_begin_as_normal_ones_of_the_scale(name: str) -> None:
    made, psi, drawn = sampler(7, frequencies=50, sampler=name, scale=0.3)
    assert torch.equal(made.frequencies(psi, drawn), 0.3 * drawn.normal) and drawn.normal.shape == (50, 7)
    assert psi.shape == (made.parameters,) and (made.parameters == 0) == (name == "normal")
    big = FrequencySampler(FrequencySettings(frequencies=20_000), 7).draw(stream(0, "draw"), LIKE).normal
    assert abs(float(big.std()) - 1) < 0.01 and abs(float(big.mean())) < 0.01


def test_all_frequencies_differ_and_components_share_scales() -> None:
    made, psi, drawn = sampler(5, frequencies=40)
    psi = psi + 0.5 * torch.randn(psi.shape, generator=stream(1, "psi"), dtype=psi.dtype)
    found = made.frequencies(psi, drawn)
    assert len(found.unique(dim=0)) == 40
    scales = found / drawn.normal
    for first in range(0, 40, COPIES):
        component = scales[first : first + COPIES]
        torch.testing.assert_close(component, component[:1].expand_as(component))
    assert (scales[0] - scales[COPIES]).abs().max() > 0.1
    assert scales.max() <= RANGE and scales.min() >= 1 / RANGE


def test_the_network_finds_features_that_differ() -> None:
    """Of 8 features one differs by 0.5. Ascent raises the distance, also at frequencies that it has not seen, by
    raising that feature's scale against the others'."""
    real = torch.randn(400, 8, generator=stream(0, "real"), dtype=torch.float64)
    synthetic = torch.randn(400, 8, generator=stream(1, "synthetic"), dtype=torch.float64)
    synthetic[:, 2] += 0.5
    made, psi, drawn = sampler(8, frequencies=128, scale=0.5)
    learned = ascended(psi, lambda own: distance(real, synthetic, made.frequencies(own, drawn)), 100, 0.01)
    fresh = made.draw(stream(2, "draw"), LIKE)
    for own in (drawn, fresh):
        before, after = (distance(real, synthetic, made.frequencies(at, own)) for at in (psi, learned))
        assert after > 1.5 * before
    scales = made.scales(learned, fresh.noise).mean(0)
    assert scales[2] > 2 * torch.cat([scales[:2], scales[3:]]).max()


def test_ascent_reaches_the_best_scale_of_a_grid_search() -> None:
    """One feature: two normal samples, apart by 1. The best single scale is found by trying 200 of them."""
    real = torch.randn(200, 1, generator=stream(0, "real"), dtype=torch.float64)
    synthetic = torch.randn(200, 1, generator=stream(1, "real"), dtype=torch.float64) + 1
    made, psi, drawn = sampler(1, frequencies=256, scale=0.5)
    grid = torch.logspace(-1, 1, 200, base=RANGE, dtype=torch.float64) * 0.5
    tried = torch.stack([distance(real, synthetic, scale * drawn.normal) for scale in grid])
    learned = ascended(psi, lambda own: distance(real, synthetic, made.frequencies(own, drawn)), 200, 0.02)
    reached = distance(real, synthetic, made.frequencies(learned, drawn))
    begun = distance(real, synthetic, made.frequencies(psi, drawn))
    assert begun < 0.97 * tried.max()  # there is something to find
    assert reached > 0.99 * tried.max()


def test_the_minmax_steps_end_at_the_saddle_of_a_grid_search() -> None:
    """One synthetic point against a skew sample. The best point for the worst scale is found on a grid of both; the
    steps of `ncfm`, images down and the network up the gradient of one loss, end there."""
    real = torch.tensor([[0.0], [0.0], [0.1], [0.2], [0.8]], dtype=torch.float64)
    made, psi, drawn = sampler(1, frequencies=256, scale=1.0)
    points = torch.linspace(-0.5, 1.0, 151, dtype=torch.float64)
    scales = torch.logspace(-1, 1, 61, base=RANGE, dtype=torch.float64)
    worst = torch.stack(
        [
            torch.stack([distance(real, point.view(1, 1), scale * drawn.normal) for scale in scales]).max()
            for point in points
        ]
    )
    best = float(points[worst.argmin()])
    images = (torch.tensor([[0.7]], dtype=torch.float64), *torch.zeros(2, 1, 1, dtype=torch.float64))
    network = (psi, torch.zeros_like(psi), torch.zeros_like(psi))
    for t in range(400):
        point, own = (learned[0].detach().requires_grad_() for learned in (images, network))
        loss = distance(real, point, made.frequencies(own, drawn))
        down, up = torch.autograd.grad(loss, (point, own))
        images = annealed_adam(*images, down, t, 400, 0.02, betas=BETAS)
        network = annealed_adam(*network, -up, t, 400, 0.02, betas=BETAS)
    ended = float(images[0])
    value = distance(real, images[0], made.frequencies(network[0], drawn))
    assert ended == pytest.approx(best, abs=0.05) and float(value) == pytest.approx(float(worst.min()), rel=0.03)
    assert abs(best - 0.7) > 0.4 and float(made.scales(network[0], drawn.noise).log().abs().mean()) > 0.3


def test_a_draw_depends_only_on_its_generator() -> None:
    made, _, drawn = sampler(5, frequencies=40)
    again, other = (made.draw(stream(0, name), LIKE) for name in ("draw", "other"))
    fields = [field.name for field in dataclasses.fields(FrequencyDraw)]
    assert all(torch.equal(getattr(drawn, name), getattr(again, name)) for name in fields)
    assert not any(torch.equal(getattr(drawn, name), getattr(other, name)) for name in fields)
