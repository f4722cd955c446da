"""The last layer of a fused ConvNet, and the cross entropy: from the last map to its gradient."""

from typing import NamedTuple

import torch
from torch import Tensor


class Head(NamedTuple):
    """What the head computes in a gradient of a batch.

    Attributes:
        features: [B, F].
        log_p: logarithms of the class probabilities [B, K].
        probabilities: [B, K].
        mass: the sum of an image's labels, divided by B [B, 1].
        residual: d loss / d logits [B, K].
    """

    features: Tensor
    log_p: Tensor
    probabilities: Tensor
    mass: Tensor
    residual: Tensor

    @staticmethod
    def of(p: Tensor, head: Tensor, bias: Tensor, share: Tensor) -> "Head":
        """The head on the last map p [B, H, W, C], where `share` is the labels as probabilities / B [B, K]."""
        features = features_of(p, head)
        log_p = torch.log_softmax(torch.addmm(bias, features, head.T), dim=1)
        probabilities = log_p.exp()
        mass = share.sum(1, keepdim=True)
        return Head(features, log_p, probabilities, mass, probabilities * mass - share)

    def gradients(self) -> list[Tensor]:
        """d loss / d (bias [K], weight [K, F])."""
        return [self.residual.sum(0), self.residual.T @ self.features]


def features_of(p: Tensor, head: Tensor) -> Tensor:
    """Flatten a map [B, H, W, C] to features [B, C H W] in the head's dtype."""
    return p.permute(0, 3, 1, 2).flatten(1).to(head.dtype)


def as_map(features: Tensor, like: Tensor) -> Tensor:
    """Reshape features [B, C H W] to a map like `like` [B, H, W, C]."""
    b, h, w, c = like.shape
    return features.view(b, c, h, w).permute(0, 2, 3, 1).to(like.dtype).contiguous()
