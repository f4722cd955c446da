"""Images of a release that are several small ones each (IDC, NCFM)."""

from dataclasses import dataclass

from torch import Tensor

from ddkit.data import Counts
from ddkit.errors import UsageError, counted
from ddkit.jobs.imports.request import ImportRequest
from ddkit.recipe import images_a_class
from ddkit.releases import Release, unpacked


@dataclass(frozen=True, eq=False)
class Unfolded:
    """Images and their classes, as a set has them.

    Attributes:
        images: packed ones, class by class, if `formation` is given; else whole ones.
        classes: of each image.
        formation: each image is formation x formation small ones; None: it is whole.
        notes: what was done.
    """

    images: Tensor
    classes: Tensor
    formation: int | None = None
    notes: tuple[str, ...] = ()


def factor_of(request: ImportRequest, release: Release, space: str, side: int) -> int:
    """The factor of the packing of images of `side` pixels; 1 if images are not packed.

    Raises:
        UsageError: it is needed, larger than an image, or the images are not in pixels.
    """
    if request.factor is None and release.packed:
        raise UsageError(
            f"{request.where}: {release.layout}, whose images may be several small ones each; give --factor 2 (IDC and "
            "NCFM for small images), --factor 3 (IDC for ImageNet), or --factor 1 if they are not"
        )
    factor = request.factor or 1
    if factor > side:
        raise UsageError(f"--factor: an image of {side} pixels has no {factor} small ones in a row; give 2 or 3")
    if factor > 1 and space != "raw":
        raise UsageError(
            f"--factor: packed images are in pixels, but these are {space}; leave it out, or write --space raw"
        )
    return factor


def unfolded(pixels: Tensor, classes: Tensor, factor: int) -> Unfolded:
    """Images [N, C, H, W] in pixels, each factor x factor small ones.

    They stay packed if their sides are multiples of the factor, because the small ones are then those of
    `ddkit.synth.Packed`. Otherwise the authors' code pads them, and the set has the enlarged small images.
    """
    if factor == 1:
        return Unfolded(pixels, classes)
    small = f"{factor} x {factor} small ones"
    if pixels.shape[-2] % factor or pixels.shape[-1] % factor:
        note = f"unpacked: each image is {small}, which are enlarged to its size"
        return Unfolded(*unpacked(pixels, classes, factor), notes=(note,))
    classes, order = classes.sort(stable=True)
    note = f"packed: each image is {small}, which the set stores together; training sees each enlarged"
    return Unfolded(pixels[order], classes, factor, (note,))


def stored_counts(request: ImportRequest, labels: Tensor, factor: int, classes: int) -> Counts:
    """The images of each class of the release, before any is unpacked.

    Raises:
        UsageError: the request has another number of images a class, which also is not that after unpacking.
    """
    counts = Counts(tuple(labels.bincount(minlength=classes).tolist()))
    allowed = () if counts.ipc is None else (counts.ipc, counts.ipc * factor**2)
    if request.ipc is not None and request.ipc not in allowed:
        found = counted(counts.ipc, "image") if counts.ipc else f"{images_a_class(counts.each)} images"
        packed = f", of {factor**2} small ones each" if factor > 1 else ""
        raise UsageError(f"--ipc: the release has {found} a class{packed}, got {request.ipc}; leave --ipc out")
    return counts
