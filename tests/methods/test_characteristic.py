"""Characteristic functions and their distance: closed forms, brute force over complex numbers, invariants."""

import cmath
import math

import pytest
import torch
from torch import Tensor

from ddkit.methods.characteristic import EPS, characteristic, characteristic_distance
from ddkit.randomness import stream


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=stream(seed, "normal"), dtype=torch.float64)


def distance(
    real: Tensor, synthetic: Tensor, frequencies: Tensor, amplitude: float = 0.5, phase: float = 0.5
) -> Tensor:
    at_both = (characteristic(features, frequencies) for features in (real, synthetic))
    return characteristic_distance(*at_both, amplitude, phase)


def test_that_of_a_gaussian_is_its_closed_form() -> None:
    """exp(i t.m - t.C t / 2), within five standard errors of a mean of bounded numbers."""
    count, d = 200_000, 3
    factor, mean = normal(d, d, seed=1) / 2, normal(d, seed=2)
    samples = normal(count, d) @ factor.T + mean
    frequencies = normal(50, d, seed=3)
    spread = ((frequencies @ factor) ** 2).sum(1)
    expected = torch.polar((-spread / 2).exp(), frequencies @ mean)
    assert (characteristic(samples, frequencies) - expected).abs().max() < 5 / math.sqrt(count)
    assert expected.abs().min() < 0.5 < expected.abs().max()


@pytest.mark.parametrize("weights", [(0.5, 0.5), (1.0, 1.0), (0.9, 0.1), (0.1, 0.9), (1.0, 0.0), (0.0, 1.0)])
def test_the_distance_is_the_published_formula(weights: tuple[float, float]) -> None:
    """Amplitudes and phases of complex means, one frequency at a time."""
    alpha, beta = weights
    real, synthetic, frequencies = normal(7, 4, seed=1), normal(3, 4, seed=2), normal(20, 4, seed=3) / 2

    def mean_of(samples: Tensor, t: Tensor) -> complex:
        return sum(cmath.exp(1j * float(sample @ t)) for sample in samples) / len(samples)

    roots = []
    for t in frequencies:
        (a, x), (b, y) = (cmath.polar(mean_of(samples, t)) for samples in (real, synthetic))
        q = alpha * (a - b) ** 2 + beta * 2 * a * b * (1 - math.cos(x - y))
        roots.append(math.sqrt(q + EPS**2) - EPS)
    assert float(distance(real, synthetic, frequencies, alpha, beta)) == pytest.approx(sum(roots) / 20, abs=1e-12)


def test_its_expected_square_is_the_maximum_mean_discrepancy() -> None:
    """With t ~ N(0, s^2 I), the mean of |P_r - P_s|^2 is the biased MMD^2 of the kernel exp(-s^2 |x - y|^2 / 2)."""
    real, synthetic, s, k = normal(20, 8, seed=1), normal(30, 8, seed=2) + 0.3, 0.5, 100_000
    frequencies = s * normal(k, 8, seed=3)
    squares = (characteristic(real, frequencies) - characteristic(synthetic, frequencies)).abs().square()

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        return (-(s**2) * torch.cdist(a, b).square() / 2).exp().mean()

    expected = kernel(real, real) + kernel(synthetic, synthetic) - 2 * kernel(real, synthetic)
    assert abs(squares.mean() - expected) < 5 * squares.std() / math.sqrt(k)
    assert expected > 0.01


@pytest.mark.parametrize("weights", [(0.5, 0.5), (0.9, 0.1), (0.1, 0.9)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equal_samples_have_distance_zero_in_any_order(weights: tuple[float, float], dtype: torch.dtype) -> None:
    """In float32 too, with no gradient: the published formula leaves one there."""
    real, frequencies = normal(32, 16, seed=1).to(dtype), normal(500, 16, seed=2).to(dtype)
    order = torch.randperm(32, generator=stream(0, "order"))
    assert float(distance(real, real.clone(), frequencies, *weights)) == 0
    apart = distance(real, normal(32, 16, seed=3).to(dtype), frequencies, *weights)
    for same in (real[order], real.repeat(2, 1)):
        synthetic = same.clone().requires_grad_()
        value = distance(real, synthetic, frequencies, *weights)
        (gradient,) = torch.autograd.grad(value, synthetic)
        assert abs(float(value.detach())) < 1e-6 * float(apart)
        assert gradient.isfinite().all() and gradient.abs().max() < 1e-3 * float(apart)


def test_the_order_of_the_samples_has_no_effect() -> None:
    real, synthetic, frequencies = normal(9, 5, seed=1), normal(4, 5, seed=2), normal(30, 5, seed=3)
    value = distance(real, synthetic, frequencies, 0.7, 0.3)
    torch.testing.assert_close(distance(real.flip(0), synthetic.roll(1, 0), frequencies.flip(0), 0.7, 0.3), value)
    torch.testing.assert_close(distance(synthetic, real, -frequencies, 0.7, 0.3), value)
    assert value > 0.1


@pytest.mark.parametrize("weights", [(0.5, 0.5), (0.9, 0.1), (0.1, 0.9)])
def test_its_derivatives_are_those_of_finite_differences(weights: tuple[float, float]) -> None:
    real, synthetic, frequencies = normal(6, 3, seed=1), normal(2, 3, seed=2), normal(11, 3, seed=3)
    own = [t.requires_grad_() for t in (synthetic, frequencies)]
    assert torch.autograd.gradcheck(lambda s, t: distance(real, s, t, *weights), own)


def test_a_shift_changes_phases_only_and_a_reflection_keeps_amplitudes() -> None:
    real, frequencies = normal(12, 4, seed=1), normal(40, 4, seed=2)
    shifted, reflected = real + 0.3, 2 * real.mean(0) - real
    for other in (shifted, reflected):
        assert float(distance(real, other, frequencies, 1.0, 0.0)) == pytest.approx(0, abs=1e-12)
        assert distance(real, other, frequencies, 0.0, 1.0) > 0.05


def test_of_two_single_samples() -> None:
    """q = 2 phase (1 - cos t.(x - y)); amplitudes are 1."""
    x, y, frequencies = normal(1, 4, seed=1), normal(1, 4, seed=2), normal(10, 4, seed=3)
    q = 2 * 0.3 * (1 - (frequencies @ (x - y)[0]).cos())
    expected = ((q + EPS**2).sqrt() - EPS).mean()
    torch.testing.assert_close(distance(x, y, frequencies, 0.8, 0.3), expected, rtol=1e-10, atol=1e-12)


def test_where_a_function_is_zero_derivatives_are_finite() -> None:
    """Two opposite phases have amplitude 0."""
    real = torch.tensor([[0.0], [math.pi]], dtype=torch.float64)
    synthetic = real.clone().requires_grad_()
    value = distance(torch.zeros(1, 1, dtype=torch.float64), synthetic, torch.ones(1, 1, dtype=torch.float64), 0.9, 0.1)
    (gradient,) = torch.autograd.grad(value, synthetic)
    assert gradient.isfinite().all() and float(value.detach()) == pytest.approx(math.sqrt(0.9 + EPS**2) - EPS)
