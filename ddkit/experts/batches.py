"""One epoch of augmented batches, for several experts at once."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from ddkit.data import DSA, DSAParams, Part

AHEAD = 2**20
"""Numbers in the images that are gathered and augmented in one go: an epoch of digits, one batch of CIFAR-10."""


class Batch(NamedTuple):
    """One batch for each of E experts: images [E, B, C, H, W], labels [E, B], and the same images before they were
    augmented."""

    images: Tensor
    labels: Tensor
    plain: Tensor


def epoch_batches(part: Part, size: int, dsa: DSA, generators: Sequence[Generator]) -> Iterator[Batch]:
    """Yield batches of E experts until each has seen every image once.

    Each has an order of its own; the last batch may be smaller. An expert draws from its own generator only, its whole
    epoch before the first batch, so that its batches are the same whoever is trained beside it. Nothing but the draws
    travels to the images' device.
    """
    images, labels = part.images, part.labels
    count, experts, size = len(part), len(generators), min(size, len(part))
    side = (images.shape[-2], images.shape[-1])
    orders, draws = [], []
    for generator in generators:
        orders.append(torch.randperm(count, generator=generator))
        draws.append(dsa.sample(generator, -(-count // size), size, side).to(images.device))
    order = torch.stack(orders).to(images.device)
    for first, last, wide in _pieces(count, size, max(1, AHEAD // (experts * size * images[0].numel()))):
        index = order[:, first * size : first * size + (last - first) * wide].unflatten(1, (last - first, wide))
        params = DSAParams.join([drawn[first:last].first(wide) for drawn in draws])
        plain = images[index]
        augmented = dsa.apply(plain.flatten(0, 1), params).unflatten(0, (experts, last - first))
        yield from map(Batch._make, zip(augmented.unbind(1), labels[index].unbind(1), plain.unbind(1), strict=True))


def _pieces(count: int, size: int, at_once: int) -> Iterator[tuple[int, int, int]]:
    """(first batch, last batch + 1, images in each): up to `at_once` full batches a piece; what is left, by itself."""
    full, left = divmod(count, size)
    for first in range(0, full, at_once):
        yield first, min(first + at_once, full), size
    if left:
        yield full, full + 1, left
