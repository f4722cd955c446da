"""The difficulty of a training image: EL2N (Paul et al., NeurIPS 2021).

    EL2N(x, y) = mean over networks of || softmax(f(x)) - onehot(y) ||_2

The networks are trained for a few epochs only. Later they fit every image, and the error says little.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor


def el2n(logits: Float[Tensor, "r n k"], labels: Int[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Compute the mean distance between predicted probabilities and label over r networks. It lies in [0, sqrt(2)].

    Example:
        >>> el2n(torch.zeros(1, 1, 2), torch.tensor([0]))
        tensor([0.7071])
    """
    truth = F.one_hot(labels, logits.shape[2]).to(logits.dtype)
    distance: Tensor = (logits.softmax(2) - truth).norm(dim=2)
    return distance.mean(0)


def from_easy_to_hard(difficulty: Float[Tensor, " n"]) -> Int[Tensor, " n"]:
    """Return the numbers of the images by growing difficulty. Images of one difficulty keep their order."""
    return torch.argsort(difficulty, stable=True)
