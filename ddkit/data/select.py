"""Coresets: select real images of each class, as baselines and as initial images of methods."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ddkit.data.counts import Counts
from ddkit.errors import UsageError, nearest

KMEANS_BYTES = 4 + 2 * 8
"""Bytes of k-means for each value of the largest class's images: the values once in float32 and twice in float64."""


def select(
    name: str, features: Float[Tensor, "n d"], labels: Int[Tensor, " n"], ipc: int | Counts, generator: torch.Generator
) -> Int[Tensor, " m"]:
    """Return the indices of ipc images of each class, class by class.

    random: a uniform draw without replacement.
    herding (Welling, ICML 2009): greedily, the image that brings the mean of the selected images nearest to the mean of
        the class.
    kmeans: the real image nearest to each of ipc cluster centres, no image twice.

    Args:
        name: one of SELECTORS.
        features: the space of distances: flattened pixels or an embedding.
        labels: classes; every class from 0 to the largest gets ipc images.
        ipc: images per class, or the number of each class.
        generator: for the draws of `random` and the seeds of `kmeans`.

    Raises:
        UsageError: the name is unknown, or a class has fewer than ipc images.
    """
    if name not in SELECTORS:
        raise UsageError(f"coreset '{name}' is unknown; {nearest(name, SELECTORS)}")
    refuse_small_classes(labels, ipc)
    members = [(labels == c).nonzero().flatten() for c in range(int(labels.max()) + 1)]
    counts = Counts.even(ipc, len(members)) if isinstance(ipc, int) else ipc
    pairs = zip(members, counts.each, strict=True)
    return torch.cat([index[SELECTORS[name](features[index], count, generator)] for index, count in pairs])


def refuse_small_classes(labels: Int[Tensor, " n"], ipc: int | Counts, parts: int = 1) -> None:
    """Raise UsageError if a class has fewer than ipc x parts images.

    Args:
        labels: of the real images.
        ipc: images per class, or the number of each class.
        parts: real images in the place of one, if images are packed.
    """
    found = torch.bincount(labels).tolist()
    wanted = (Counts.even(ipc, len(found)) if isinstance(ipc, int) else ipc).each
    spare = [own - count * parts for own, count in zip(found, wanted, strict=True)]
    smallest = spare.index(min(spare))
    if spare[smallest] < 0:
        if parts > 1:
            raise UsageError(
                f"ipc {wanted[smallest]}: needs {wanted[smallest] * parts} real images of class {smallest}, "
                f"{parts} in the place of one, but it has only {found[smallest]} training images; lower method.ipc or "
                "method.formation"
            )
        raise UsageError(
            f"ipc {wanted[smallest]}: class {smallest} has only {found[smallest]} training images; set method.ipc to "
            "at most that"
        )


def _random(features: Tensor, ipc: int, generator: torch.Generator) -> Tensor:
    return torch.randperm(len(features), generator=generator)[:ipc].to(features.device)


def _herding(features: Tensor, ipc: int, generator: torch.Generator) -> Tensor:
    target, total = features.mean(0), torch.zeros_like(features[0])
    chosen: list[int] = []
    for count in range(1, ipc + 1):
        distance = ((total + features) / count - target).norm(dim=1)
        distance[chosen] = torch.inf
        chosen.append(int(distance.argmin()))
        total = total + features[chosen[-1]]
    return torch.tensor(chosen, device=features.device)


def _kmeans(features: Tensor, ipc: int, generator: torch.Generator) -> Tensor:
    from sklearn.cluster import KMeans  # slow to import

    seed = int(torch.randint(2**31, (), generator=generator))
    points = features.cpu().double().numpy()
    centres = KMeans(ipc, n_init=4, random_state=np.random.RandomState(seed)).fit(points).cluster_centers_
    distance = torch.cdist(torch.from_numpy(centres), torch.from_numpy(points))
    chosen: list[int] = []
    for row in distance:
        row[chosen] = torch.inf
        chosen.append(int(row.argmin()))
    return torch.tensor(chosen, device=features.device)


SELECTORS: dict[str, Callable[[Tensor, int, torch.Generator], Tensor]] = {
    "random": _random,
    "herding": _herding,
    "kmeans": _kmeans,
}
