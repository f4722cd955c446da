"""The images that a method computes with, made from those that it learns and stores.

`Views` is the base of settings that change them; each is one file: `formation` (a stored image is several small ones)
and `fyi` (each image together with its mirror image). A settings class inherits several of them in the order in which
they act. A method calls `expand` where learned images enter, after sub-sampling and before augmentation.
"""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from ddkit.recipe import Settings


@dataclass(frozen=True, kw_only=True)
class Views(Settings):
    """Every image is used as it is stored. Children override what they change and call `super()` last."""

    @property
    def views(self) -> int:
        """Images that `expand` makes of one stored image."""
        return 1

    @property
    def parts(self) -> int:
        """Labels of one stored image. The labels of a set are ordered as its images, `parts` for each."""
        return 1

    def expand(self, images: Float[Tensor, "*b n c h w"]) -> Float[Tensor, "*b m c h w"]:
        """The images that the method computes with, m = n `views`."""
        return images

    def expand_index(self, index: Int[Tensor, "*b n"]) -> Int[Tensor, "*b m"]:
        """The number of the label of each image of `expand`, for stored images with these numbers."""
        return index

    def drawn(self, batch: int) -> int:
        """How many stored images to draw so that `expand` gives at most `batch` images (at least 1)."""
        return max(1, batch // self.views)
