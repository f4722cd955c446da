"""Characteristic functions of samples, and the distance of two of them.

The characteristic function of n samples z_j is P(t) = mean_j exp(i t.z_j), for a frequency t. Its modulus |P| is the
amplitude and its angle the phase. The distance of NCFM (Wang et al., CVPR 2025) weights both differences:

    q(t) = amplitude (|P_r| - |P_s|)^2 + phase 2 |P_r| |P_s| (1 - cos(angle between P_r and P_s))
    distance = mean over t of sqrt(q(t))

With both weights 1, q is |P_r - P_s|^2. The code computes q as

    q(t) = phase |P_r - P_s|^2 + (amplitude - phase) (|P_r| - |P_s|)^2

which is the same number, and exactly 0 where P_r = P_s. The formula of the released code subtracts products of nearly
equal numbers, and gives images a gradient although both samples are equal. The root is sqrt(q + EPS^2) - EPS, so that
it has a derivative at 0.
"""

import torch
from jaxtyping import Complex, Float
from torch import Tensor

EPS = 2.0**-10
"""Differences of characteristic functions below this are smoothed. A power of two, so that sqrt(EPS^2) is EPS."""


def characteristic(features: Float[Tensor, "n d"], frequencies: Float[Tensor, "k d"]) -> Complex[Tensor, " k"]:
    """The characteristic function of samples at k frequencies.

    Example:
        >>> characteristic(torch.zeros(3, 2), torch.ones(1, 2))
        tensor([1.+0.j])
    """
    angles = features @ frequencies.T
    return torch.complex(angles.cos().mean(0), angles.sin().mean(0))


def characteristic_distance(
    real: Complex[Tensor, " k"], synthetic: Complex[Tensor, " k"], amplitude: float, phase: float
) -> Float[Tensor, ""]:
    """The distance of two characteristic functions at the same frequencies.

    Args:
        real, synthetic: their values.
        amplitude: weight of the difference of amplitudes.
        phase: weight of the difference of phases.
    """
    difference = synthetic - real
    apart = (synthetic.abs() - real.abs()).square()
    q = phase * (difference.real.square() + difference.imag.square()) + (amplitude - phase) * apart
    return ((q.clamp_min(0) + EPS**2).sqrt() - EPS).mean()  # rounding can make q negative where amplitude < phase
