"""A set's images back in pixels, whichever space they live in."""

from jaxtyping import Float
from torch import Tensor

from ddkit.arguments import checked
from ddkit.jobs.sets.real_data import lay_out_for
from ddkit.synth import SyntheticSet


@checked
def raw_images(synthetic: SyntheticSet, data: str | None = None) -> Float[Tensor, "n c h w"]:
    """Images in [0, 1] pixels, not clipped. A whitened set's real data is loaded to refit the inverse, from where
    it was when the set was made or from `data`.

    Raises:
        DataError: the set is whitened and its real data is not here.
    """
    if synthetic.facts.mean is not None:
        return synthetic.raw_images
    return lay_out_for(synthetic, data).real.preprocess.inverse(synthetic.images)
