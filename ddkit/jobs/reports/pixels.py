"""Functions that turn the images of sets into [0, 1] pixels, for the galleries of reports."""

from collections.abc import Callable

import torch
from torch import Tensor

from ddkit.errors import DDKitError
from ddkit.jobs.sets.real_data import DATA_ONLY, data_of, load_task_of
from ddkit.synth import SyntheticSet

Pixels = Callable[[Tensor], Tensor]
"""Turns images in the space of the network's inputs into [0, 1] pixels."""

PixelsOf = Callable[[SyntheticSet], Pixels]
"""The function of a set. It raises a DDKitError if the set is whitened and its real data is missing."""


def pixels_of(made: SyntheticSet) -> Pixels:
    """The inverse of a set's preprocessing, by the set's own constants, or fitted to its real data if it is whitened.

    Raises:
        DataError: the set is whitened, and its real data is missing or differs.
    """
    mean, std = made.facts.mean, made.facts.std
    if mean is None or std is None:
        return load_task_of(made, net=DATA_ONLY).real.preprocess.inverse
    shape = (1, -1, 1, 1)
    return lambda images: images * torch.tensor(std).view(shape) + torch.tensor(mean).view(shape)


class SharedPixels:
    """`pixels_of` for many sets. Real data is read and whitened once for all sets that were made from it."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], Pixels | DDKitError] = {}

    def __call__(self, made: SyntheticSet) -> Pixels:
        facts = made.facts
        if facts.mean is not None:
            return pixels_of(made)
        key = (repr(data_of(made)), facts.data_digest, facts.preprocess_digest, made.images.shape[1:])
        if key not in self._known:
            try:
                self._known[key] = pixels_of(made)
            except DDKitError as error:
                self._known[key] = error
        found = self._known[key]
        if isinstance(found, DDKitError):
            raise found
        return found
