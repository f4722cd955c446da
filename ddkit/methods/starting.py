"""The images that a method begins from: initial ones or those of a given set, packed if the method packs images."""

from collections.abc import Callable

from torch import Tensor

from ddkit.data import Counts, refuse_small_classes
from ddkit.errors import UsageError
from ddkit.methods.contract import Context
from ddkit.methods.given import path_of_given
from ddkit.methods.learned import LearnedImages


def starting_images(
    settings: LearnedImages, counts: Counts, context: Context, usual: Callable[[str, Counts], Tensor]
) -> Tensor:
    """Return the images [counts.total, C, H, W], class by class, that a method begins from.

    With `formation` k, a packed image begins as k^2 real images of its class, made small. Noise is that of the packed
    image. The images of a given set are made small too, unless they are packed by the same k.

    Args:
        settings: `pix_init` and `formation`.
        counts: stored images of each class.
        context: has the given set, if `pix_init` names one.
        usual: returns images of these counts for a `pix_init` that names no set.

    Raises:
        UsageError: the set that `pix_init` names is not in the context, or a class has too few real images.
    """

    def initial(pix_init: str) -> Tensor:
        if pix_init == "noise":
            return usual(pix_init, counts)
        refuse_small_classes(context.real.train.labels, counts, settings.parts)
        return settings.packed(usual(pix_init, small))

    small = counts.times(settings.parts)
    if path_of_given(settings.pix_init) is None:
        return initial(settings.pix_init)
    if context.given is None:
        raise UsageError(f"key 'method.pix_init': is {settings.pix_init!r}, but the context has no given set")
    if context.given.packing == settings.formation:  # whole images, or packed alike
        images = initial(settings.usual_init) if context.given.missing(counts) else _blank(counts, context)
        return context.given.into(images, counts)
    images = usual(settings.usual_init, small) if context.given.missing(small) else _blank(small, context)
    return settings.packed(context.given.into(images, small))


def _blank(counts: Counts, context: Context) -> Tensor:
    return context.real.train.images.new_zeros(counts.total, *context.real.data.shape)
