"""Multi-formation, for every method that learns images: a stored image is several small ones (IDC: Kim et al., "Dataset
Condensation via Efficient Synthetic-Data Parameterization", ICML 2022).

With `formation` k the distillation reads each stored image as k x k small ones, each enlarged to the full size
(`ddkit.synth.packing`). Only the packed images are learned and stored, so the set has the bytes of n images and trains
networks on n k^2. Small images of the same class lose detail, but there are more of them.

Each small image has a label of its own: the class of the stored image, or a soft label where these are learned or given
by teachers. Batches count small images, so that a step costs as much as one on whole images; where a batch is all
images, a step costs k^2 times as much.

INFER stores compensators and RDED crops of real images, so they have no such setting. IDC's code pads images whose
sides are no multiples of k with grey; here small images differ by one pixel then.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ddkit.methods.views import Views
from ddkit.recipe import setting
from ddkit.synth import pack, unpack


@dataclass(frozen=True, kw_only=True)
class Formation(Views):
    """Into how many small images each stored image is divided."""

    formation: int = setting(
        1,
        at_least=1,
        at_most=8,
        later=True,
        help="k: a stored image is k x k small ones, each enlarged (IDC); 1: images are whole",
    )

    @property
    def packing(self) -> int:
        """See `MethodSettings.packing`."""
        return self.formation

    @property
    def views(self) -> int:
        return self.formation**2 * super().views

    @property
    def parts(self) -> int:
        return self.formation**2

    def expand(self, images: Float[Tensor, "*b n c h w"]) -> Float[Tensor, "*b m c h w"]:
        """The small images, enlarged: those of the first stored image, row by row, then those of the second, ..."""
        return super().expand(unpack(images, self.formation))

    def expand_index(self, index: Int[Tensor, "*b n"]) -> Int[Tensor, "*b m"]:
        if self.formation > 1:
            index = (index[..., None] * self.parts + torch.arange(self.parts, device=index.device)).flatten(-2)
        return super().expand_index(index)

    def packed(self, images: Float[Tensor, "m c h w"]) -> Float[Tensor, "n c h w"]:
        """Images made small and packed, m = n `parts`."""
        return pack(images, self.formation)
