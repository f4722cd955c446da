"""The images of a set in pixels."""

from jaxtyping import Float
from torch import Tensor

from ddkit.arguments import checked
from ddkit.jobs.sets.real_data import DATA_ONLY, load_task_of
from ddkit.synth import SyntheticSet


@checked
def raw_images(synthetic: SyntheticSet, data: str | None = None) -> Float[Tensor, "n c h w"]:
    """The images in pixels, where real images lie in [0, 1]. They are not clipped.

    If the set is whitened, the inverse of the whitening is fitted to its real data. These are loaded from `data`, or
    from their place when the set was made.

    Raises:
        DataError: the set is whitened and its real data is missing.
    """
    if synthetic.facts.mean is not None:
        return synthetic.raw_images
    return load_task_of(synthetic, data, DATA_ONLY).real.preprocess.inverse(synthetic.images)
