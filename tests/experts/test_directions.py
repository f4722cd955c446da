"""Adaptive GSAM against a step worked out by hand, and plain SGD."""

import numpy as np
import pytest
import torch

from ddkit.errors import UsageError
from ddkit.experts import expert_settings
from ddkit.experts.flat import FlatExperts, gsam_direction
from ddkit.experts.plain import PlainExperts


def loss(w):
    """w_0^4 + 3 w_0 w_1 + w_1^2: gradient and curvature differ from point to point."""
    return w[0] ** 4 + 3 * w[0] * w[1] + w[1] ** 2


def value_and_gradient(w):
    """As the directions want it, by autograd."""
    at = w.detach().requires_grad_()
    value = loss(at)
    return value.detach(), torch.autograd.grad(value, at)[0]


def grad(w):
    return np.array([4 * w[0] ** 3 + 3 * w[1], 3 * w[0] + 2 * w[1]])


@pytest.mark.parametrize(("rho", "alpha"), [(0.01, 0.3), (0.5, 1.0), (0.1, 0.0)])
def test_gsam_by_hand(rho, alpha):
    w = np.array([0.7, -1.2])
    g = grad(w)
    # ASAM: the ascent step is scaled by |w| twice, once in the direction and once in the norm's weights.
    eps = rho * w**2 * g / np.sqrt((abs(w[0]) * g[0]) ** 2 + (abs(w[1]) * g[1]) ** 2)
    g_p = grad(w + eps)
    cosine_part = (g @ g_p) / (g_p @ g_p)
    expected = g_p - alpha * (g - cosine_part * g_p)
    value, direction = gsam_direction(value_and_gradient, torch.tensor(w), rho, alpha)
    np.testing.assert_allclose(direction.numpy(), expected, rtol=1e-10)
    assert value.item() == pytest.approx(loss(torch.tensor(w)).item())


def test_the_subtracted_part_is_orthogonal_to_the_perturbed_gradient():
    w = torch.tensor([0.7, -1.2], dtype=torch.float64)
    _, without = gsam_direction(value_and_gradient, w, 0.1, 0.0)  # g_p itself
    _, with_alpha = gsam_direction(value_and_gradient, w, 0.1, 1.0)
    assert abs(float((without - with_alpha) @ without)) < 1e-12


def test_flat_tends_to_plain_as_rho_vanishes():
    w = torch.tensor([0.7, -1.2], dtype=torch.float64)
    flat, plain = FlatExperts(rho=1e-9), PlainExperts()
    torch.testing.assert_close(
        flat.direction(value_and_gradient, w)[1], plain.direction(value_and_gradient, w)[1], rtol=1e-6, atol=0
    )
    np.testing.assert_allclose(plain.direction(value_and_gradient, w)[1].numpy(), grad(w.numpy()), rtol=1e-12)


def test_unknown_kind():
    with pytest.raises(UsageError, match="did you mean flat"):
        expert_settings("flatt")
