"""FerKD's regions (Shen et al., ICCV 2023): the teachers' confidence decides which label an image gets.

With p = softmax(logits)[class] of an image, at temperature 1, and shares LOW <= MIDDLE <= HIGH:

    p < LOW or p > HIGH     the image is left out: it is wrong, or too easy to be useful
    LOW <= p < MIDDLE       the image is hard: its label is the class, smoothed by SMOOTHING
    MIDDLE <= p <= HIGH     its label is the teachers'

The paper does not state whether p is the probability of the class or the largest one; here it is that of the class.
Regions are off by default, because teachers are confident about images recovered from them: HIGH would leave few.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import one_hot

from ddkit.errors import UsageError

SMOOTHING = 0.1
"""Probability that a smoothed label gives to all other classes together."""


def regions(
    logits: Float[Tensor, "n k"], labels: Int[Tensor, " n"], temperature: float, shares: str
) -> tuple[Bool[Tensor, " n"], Float[Tensor, "n k"]]:
    """Return which images are kept, and the labels of all images as logits to be learned at `temperature`.

    Args:
        shares: "LOW,MIDDLE,HIGH".

    Raises:
        UsageError: shares are not three numbers in ascending order between 0 and 1, or no image is kept.
    """
    try:
        low, middle, high = (float(share) for share in shares.split(","))
    except ValueError:
        low, middle, high = 1.0, 0.0, 0.0
    if not 0 <= low <= middle <= high <= 1:
        raise UsageError(
            f"ferkd '{shares}': must be three shares LOW,MIDDLE,HIGH in ascending order, as in 0.05,0.3,0.99"
        )
    confidence = logits.softmax(1).gather(1, labels[:, None])[:, 0]
    kept = (confidence >= low) & (confidence <= high)
    if not kept.any():
        raise UsageError(f"ferkd '{shares}': leaves no image; the teachers' confidence is outside LOW to HIGH for all")
    classes = logits.shape[1]
    smooth = one_hot(labels, classes) * (1 - SMOOTHING) + (1 - one_hot(labels, classes)) * SMOOTHING / (classes - 1)
    hard = temperature * smooth.log()  # its softmax at the temperature is the smoothed class
    return kept, torch.where((confidence < middle)[:, None], hard, logits)
