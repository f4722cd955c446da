"""The labels of a release as ddkit has them: a class for each image, and perhaps probabilities or logits."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ddkit.errors import DataError, counted

SUM_OFF = 1e-3
"""Tolerance for the sum of probabilities."""


@dataclass(frozen=True, eq=False)
class ReadLabels:
    """Labels.

    Attributes:
        classes: [N].
        soft: probabilities or logits [N, K]; None if the release has classes only.
        logits: whether `soft` are logits.
        note: what was assumed; "" if nothing was.
    """

    classes: Tensor
    soft: Tensor | None = None
    logits: bool = False
    note: str = ""


def read_labels(
    labels: Tensor | None, soft: Tensor | None, images: int, classes: int, where: str, *, uneven: bool = False
) -> ReadLabels:
    """Read the labels of a release.

    Args:
        labels: whole numbers [N] or [N, 1] of any type, or floats [N, K]; None: class by class, equally many of each.
        soft: floats [N, K] beside the classes.
        images: N.
        classes: K, the number of classes of the data.
        where: the beginning of error lines.
        uneven: whether classes may have different numbers of images, if `labels` are whole numbers.

    Raises:
        DataError: there are not as many labels as images, or labels of other classes than the data's.
    """
    if labels is None:
        return ReadLabels(
            _blocks(images, classes, where), note="labels: class by class, equally many of each, as given"
        )
    if len(labels) != images:
        raise DataError(f"{where}: has {counted(images, 'image')} but {counted(len(labels), 'label')}; check the files")
    if labels.dim() == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.dim() == 2 and labels.is_floating_point():
        return _soft(labels.float(), classes, where)
    hard = _whole(labels, classes, where)
    if not uneven:
        _refuse_uneven(hard, classes, where)
    return ReadLabels(hard) if soft is None else _soft(soft.float(), classes, where, hard)


def _whole(labels: Tensor, classes: int, where: str) -> Tensor:
    """Classes of any type of number as int64.

    Raises:
        DataError: they are no whole numbers, or not the classes of the data.
    """
    if labels.dim() != 1 or labels.is_complex() or not bool((labels == labels.long()).all()):
        raise DataError(
            f"{where}: labels must be whole numbers [N] or floats [N, classes], got {labels.dtype} {list(labels.shape)}"
        )
    found = labels.long()
    low, high = int(found.min()), int(found.max())
    if low < 0 or high >= classes:
        raise DataError(
            f"{where}: has labels {low} to {high}, but the data has {counted(classes, 'class', 'classes')}; name the "
            "data that the set was distilled from with --data"
        )
    counts = found.bincount(minlength=classes)
    if len(absent := (counts == 0).nonzero().flatten()):
        raise DataError(
            f"{where}: has images of {classes - len(absent)} of the data's {classes} classes (labels {low} to {high}); "
            "name the data that the set was distilled from with --data"
        )
    return found


def _refuse_uneven(labels: Tensor, classes: int, where: str) -> None:
    counts = labels.bincount(minlength=classes)
    if int(counts.min()) != int(counts.max()):
        raise DataError(
            f"{where}: its classes have between {int(counts.min())} and {int(counts.max())} images, and sets in this "
            "layout have equally many a class; check the labels, or save images and labels as .npz"
        )


def _soft(soft: Tensor, classes: int, where: str, hard: Tensor | None = None) -> ReadLabels:
    """Floats [N, K]: probabilities, targets of a regression, or logits.

    The class of an image is that of `hard`. Without `hard`, it is its largest number if that gives equally many images
    a class. Otherwise learned labels have left their class, and the images must be class by class.
    """
    if soft.dim() != 2 or soft.shape[1] != classes:
        raise DataError(
            f"{where}: soft labels are {list(soft.shape)}, but the data has {counted(classes, 'class', 'classes')}; "
            "name the data that the set was distilled from with --data"
        )
    if not bool(soft.isfinite().all()):
        raise DataError(f"{where}: soft labels have numbers that are not finite; download the files again")
    note = ""
    if hard is None:
        hard = soft.argmax(1)
        if len(set(hard.bincount(minlength=classes).tolist())) > 1:
            blocks = _blocks(len(soft), classes, where)
            other = int((hard != blocks).sum())
            hard = blocks
            note = f"; classes are class by class, though {other} soft labels are largest elsewhere"
    sums = soft.sum(1)
    if bool((soft >= 0).all()) and bool(((sums - 1).abs() <= SUM_OFF).all()):
        return ReadLabels(hard, soft, note=f"labels: probabilities{note}")
    if float(sums.abs().max()) < 0.5 and float(soft.abs().max()) <= 1.5:
        return ReadLabels(
            hard,
            note=f"labels: targets of a regression (rows sum to about 0), on which no evaluation of ddkit trains; the "
            f"set has classes only{note}",
        )
    return ReadLabels(hard, soft, logits=True, note=f"labels: logits{note}")


def _blocks(images: int, classes: int, where: str) -> Tensor:
    """Class by class, equally many of each."""
    if images % classes:
        raise DataError(f"{where}: {images} images are not equally many for each of {classes} classes; name the labels")
    return torch.arange(classes).repeat_interleave(images // classes)
