"""Over what the norm of a fused block takes its means: one description for the kernels in C and the formulas."""

from typing import NamedTuple

from ddkit.nets import ConvNetSettings
from ddkit.nets.norm import GROUPS

EPS = 1e-5
"""What a norm adds to a variance; the kernels have the same number."""


class Norm(NamedTuple):
    """A norm of maps [B, H, W, C]. Its means run over pixels, over `together` neighbouring channels, and over one image
    or the whole batch.

    Attributes:
        whole_batch: whether all images of a batch share statistics, so that a batch cannot be divided.
        together: how many channels share statistics; 0: there is no norm.
    """

    whole_batch: bool = False
    together: int = 1

    @property
    def keeps_bias(self) -> bool:
        """Whether the bias of the convolution before it has an effect. The mean of a single channel removes it; without
        a norm, it is beta."""
        return self.together > 1

    def images(self, batch: int) -> int:
        """How many images of a batch share statistics."""
        return batch if self.whole_batch else 1


INSTANCE = Norm()


def norm_of(settings: ConvNetSettings) -> Norm:
    """Return the norm of a ConvNet that has `common_blocks`."""
    return {
        "instance": INSTANCE,
        "batch": Norm(whole_batch=True),
        "group": Norm(together=settings.width // GROUPS),
        "none": Norm(together=0),
    }[settings.norm]
