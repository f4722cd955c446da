"""The training loss for hard and soft labels."""

import torch.nn.functional as F
from jaxtyping import Float, Shaped
from torch import Tensor


def cross_entropy(logits: Float[Tensor, "b k"], labels: Shaped[Tensor, "b ..."]) -> Float[Tensor, ""]:
    """Compute the mean cross entropy. `labels` are classes [B] or probabilities [B, K], which may be differentiated.

    Raises:
        ValueError: the probabilities do not have the shape of the logits.
    """
    if labels.is_floating_point():
        if labels.shape != logits.shape:  # one row, or one column, would be broadcast
            raise ValueError(f"labels must be {list(logits.shape)}, got {list(labels.shape)}")
        return -(labels * F.log_softmax(logits, dim=-1)).sum(-1).mean()
    return F.cross_entropy(logits, labels)
