"""Stratified splits: the validation part, on which settings are chosen, and a test part for data that has none."""

import torch
from jaxtyping import Int64
from torch import Tensor

from ddkit.errors import DataError, UsageError, counted
from ddkit.randomness import stream

TEST_SHARE = 0.2


def split_validation(
    labels: Int64[Tensor, " n"], fraction: float, seed: int, where: str = "labels"
) -> tuple[Int64[Tensor, " t"], Int64[Tensor, " v"]]:
    """Return indices (train, validation), each ascending. Each class gives round(fraction * its images) to validation.

    At least one image of each class goes to each part. The draw depends only on `labels`, `fraction` and `seed`.

    Args:
        where: name of the data in error lines.

    Raises:
        DataError: a class has a single image.
        UsageError: the fraction is not between 0 and 1.
    """
    return _stratified(labels, fraction, stream(seed, "validation"), f"{where}: a validation part")


def with_test_part(parts: dict[str, Tensor], where: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return a user's parts and the origins of all parts but train. A missing test part is cut from train.

    The cut is a fixed, stratified fifth.

    Args:
        parts: `train_images`, `train_labels`, and perhaps those of `validation` and `test`.
        where: name of the data in error lines.

    Raises:
        DataError: the numbers of images and labels differ, or a class has a single image.
    """
    origins = {part: "yours" for part in ("validation", "test") if f"{part}_images" in parts}
    if "test" in origins:
        return parts, origins
    images, labels = parts["train_images"], parts["train_labels"]
    if len(images) != len(labels):
        raise DataError(
            f"{where}: {counted(len(images), 'image')} but {counted(len(labels), 'label')}; there must be one for each"
        )
    train, test = _stratified(labels, TEST_SHARE, stream(0, "test"), f"{where}: a test part")
    cut = {"train_images": images[train], "train_labels": labels[train]}
    cut |= {"test_images": images[test], "test_labels": labels[test]}
    return parts | cut, origins | {"test": "cut from train"}


def _stratified(labels: Tensor, fraction: float, generator: torch.Generator, purpose: str) -> tuple[Tensor, Tensor]:
    if not 0 < fraction < 1:
        raise UsageError(f"{purpose} must be a share above 0 and below 1, got {fraction}")
    held_out = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique().tolist():
        members = (labels == label).nonzero().flatten()
        if len(members) < 2:
            raise DataError(f"{purpose} needs at least 2 images in every class, class {label} has 1; add images")
        count = min(max(round(fraction * len(members)), 1), len(members) - 1)
        held_out[members[torch.randperm(len(members), generator=generator)[:count]]] = True
    return (~held_out).nonzero().flatten(), held_out.nonzero().flatten()
