"""Mirror images."""

from jaxtyping import Float
from torch import Tensor


def mirrored(images: Float[Tensor, "*b w"]) -> Float[Tensor, "*b w"]:
    """Every image with its left for its right; contiguous in memory, so that kernels take the same path as for the
    images themselves."""
    return images.flip(-1).contiguous()
