"""One epoch of augmented batches, for several experts at once."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from ddkit.data import DSA, DSAParams, Part

AHEAD = 2**20
"""Values of images that are gathered and augmented at once: an epoch of digits, or one batch of CIFAR-10."""


class Batch(NamedTuple):
    """One batch for each of E experts.

    Attributes:
        images: augmented images [E, B, C, H, W].
        labels: classes [E, B].
        plain: the images before augmentation.
    """

    images: Tensor
    labels: Tensor
    plain: Tensor


def epoch_batches(part: Part, size: int, dsa: DSA, generators: Sequence[Generator]) -> Iterator[Batch]:
    """Yield batches of E experts until each expert has seen every image once.

    Each expert has its own order of the images; the last batch may be smaller. An expert draws a whole epoch from its
    own generator before the first batch, so that its batches do not depend on the experts trained beside it. Only the
    draws are copied to the images' device.
    """
    images, labels = part.images, part.labels
    count, experts, size = len(part), len(generators), min(size, len(part))
    side = (images.shape[-2], images.shape[-1])
    orders, draws = [], []
    for generator in generators:
        orders.append(torch.randperm(count, generator=generator))
        draws.append(dsa.sample(generator, -(-count // size), size, side).to(images.device))
    order = torch.stack(orders).to(images.device)
    for first, last, length in _pieces(count, size, max(1, AHEAD // (experts * size * images[0].numel()))):
        index = order[:, first * size : first * size + (last - first) * length].unflatten(1, (last - first, length))
        params = DSAParams.join([drawn[first:last].rows(slice(length)) for drawn in draws])
        plain = images[index]
        augmented = dsa.apply(plain.flatten(0, 1), params).unflatten(0, (experts, last - first))
        yield from map(Batch._make, zip(augmented.unbind(1), labels[index].unbind(1), plain.unbind(1), strict=True))


def _pieces(count: int, size: int, at_once: int) -> Iterator[tuple[int, int, int]]:
    """Yield (first batch, last batch + 1, images in each batch) of pieces of an epoch.

    A piece has up to `at_once` full batches. A last batch that is not full is a piece of its own.
    """
    full, left = divmod(count, size)
    for first in range(0, full, at_once):
        yield first, min(first + at_once, full), size
    if left:
        yield full, full + 1, left
