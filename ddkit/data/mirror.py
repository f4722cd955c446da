"""Mirror images."""

from jaxtyping import Float
from torch import Tensor


def mirrored(images: Float[Tensor, "*b w"]) -> Float[Tensor, "*b w"]:
    """Return the images with left and right exchanged.

    The result is contiguous in memory, so that kernels compute with it exactly as with the images themselves.
    """
    return images.flip(-1).contiguous()
