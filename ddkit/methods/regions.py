"""FerKD's regions (Shen et al., ICCV 2023): which of the teachers' labels are kept, by how sure they are of the class.

With p = softmax(logits)[class] of an image, at temperature 1, and shares LOW <= MIDDLE <= HIGH:

    p < LOW or p > HIGH     left out: wrong, or so easy that it teaches nothing
    LOW <= p < MIDDLE       hard: the label becomes the class, smoothed by SMOOTHING
    MIDDLE <= p <= HIGH     the teachers' label

The paper gives no numbers that could be read, nor says whether p is that of the class or the largest; here it is that
of the class. Off unless asked for: images made from a teacher are classified with confidence, so that HIGH would leave
few.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import one_hot

from ddkit.errors import UsageError

SMOOTHING = 0.1
"""What the other classes have of a smoothed label."""


def regions(
    logits: Float[Tensor, "n k"], labels: Int[Tensor, " n"], temperature: float, shares: str
) -> tuple[Bool[Tensor, " n"], Float[Tensor, "n k"]]:
    """Which images are kept, and all labels as logits to be learned at `temperature`; `shares` is "LOW,MIDDLE,HIGH".

    Raises:
        UsageError: shares that are not three numbers in ascending order between 0 and 1, or that keep no image.
    """
    try:
        low, middle, high = (float(share) for share in shares.split(","))
    except ValueError:
        low, middle, high = 1.0, 0.0, 0.0
    if not 0 <= low <= middle <= high <= 1:
        raise UsageError(
            f"ferkd '{shares}': must be three shares LOW,MIDDLE,HIGH in ascending order, as in 0.05,0.3,0.99"
        )
    sure = logits.softmax(1).gather(1, labels[:, None])[:, 0]
    kept = (sure >= low) & (sure <= high)
    if not kept.any():
        raise UsageError(f"ferkd '{shares}': leaves no image; the teachers are sure of them all; raise HIGH")
    classes = logits.shape[1]
    smooth = one_hot(labels, classes) * (1 - SMOOTHING) + (1 - one_hot(labels, classes)) * SMOOTHING / (classes - 1)
    hard = temperature * smooth.log()  # whose softmax at the temperature is the smoothed class
    return kept, torch.where((sure < middle)[:, None], hard, logits)
