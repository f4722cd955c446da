"""Decide the space of a release's images, and the preprocessing of the data that belongs to it.

The user gives the space, or the values of the images show it. Either way the statistics of the images are reported
beside those of the data. A space that the values contradict is refused.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ddkit.data import DataSettings, ImageData, Normalise
from ddkit.errors import DataError, UsageError
from ddkit.jobs.imports.request import ImportRequest
from ddkit.releases import BYTES, OF, OTHER_ZCA, Constants, Measured, Release, constants_of, space_of

SAMPLE = 2**22
"""Values of the data that are normalised to be measured."""


@dataclass(frozen=True)
class Space:
    """The space of the images.

    Attributes:
        name: one of `SPACES`.
        how: how it is known.
        constants: mean and std of normalised images, or those with which raw images are to be normalised; None: the fit
            of the data.
        whose: where the constants come from; "" without constants.
        fit: see `DataSettings.fit`.
        statistics: a line with the statistics of the images beside those of the data.
    """

    name: str
    how: str
    constants: Constants | None
    whose: str
    fit: str
    statistics: str

    def settings(self, data: str, augment: str) -> DataSettings:
        """The settings of the data, preprocessed like the images."""
        mean, std = (None, None) if self.constants is None else (_text(each) for each in self.constants)
        preprocess = "zca" if self.name == "zca" else "normalise"
        return DataSettings(name=data, augment=augment, preprocess=preprocess, mean=mean, std=std, fit=self.fit)


def decide_space(request: ImportRequest, release: Release, images: Tensor, data: ImageData) -> Space:
    """Decide the space of images [N, C, H, W], uint8 or floats.

    Raises:
        UsageError: the values do not show the space; they contradict the given one; or there are no constants for
            normalised images.
        DataError: the images are pixels of 0 to 255 as floats, or whitened in a way that ddkit does not have.
    """
    found, real, facts = Measured.of(images), Measured.of(data.train_images), release.facts
    constants, whose = _constants(request, release, data)
    statistics = f"images {found}; the data {real} in raw"
    if constants is not None and len(constants[0]) == data.shape[0]:
        sample = data.train_images[:: -(-data.train_images.numel() // SAMPLE)]
        statistics += f", {Measured.of(Normalise(*constants).forward(sample))} in normalised ({whose})"
    seen = "raw" if images.dtype == torch.uint8 else space_of(found)
    exact = facts is not None and images.is_floating_point()  # pictures are in pixels, whatever their facts say
    if seen == BYTES and not request.force:
        raise DataError(
            f"{request.where}: its images are floats as pixels of 0 to 255 ({statistics}); divide them by 255, or save "
            "them as uint8"
        )
    given = request.space or (facts.space if exact and facts is not None else None)
    if given is None:
        how, name = "by the values of the images", _seen(seen, statistics, request.where)
    else:
        name, how = given, "given" if request.space else "by the facts in the file"
        if seen is None:
            how += ", though the values do not show it (--check scores the set)"
        if images.dtype == torch.uint8 and name != "raw":
            raise UsageError(f"{request.where}: its images are bytes, which are pixels, not {name}; write --space raw")
        whitened = name == "zca" and seen == OTHER_ZCA  # learned images may have a larger std than real ones
        if seen not in (None, name) and not whitened and not request.force:
            fix = f"write --space {seen}, or add" if seen != OTHER_ZCA else "add"
            raise UsageError(
                f"{request.where}: its space is {name} ({how}), but the values are those of {seen} images: "
                f"{statistics}; {fix} --force to keep {name}"
            )
    if name == "normalised" and constants is None:
        raise UsageError(
            f"{request.where}: its images are normalised ({how}; {statistics}), and no published code that ddkit knows "
            f"normalises '{data.name}'; give the authors' constants by --mean and --std, one number a channel"
        )
    if name != "normalised" and request.constants is None and facts is None:
        constants, whose = None, ""  # raw images are normalised with the fit of the data
    if name == "zca":
        constants, whose = None, ""
    fit = "all" if name == "zca" and facts is None else "train"
    return Space(name, how, constants, whose, fit, statistics)


def _constants(request: ImportRequest, release: Release, data: ImageData) -> tuple[Constants | None, str]:
    """Mean and std of normalised images, and where they come from."""
    if request.constants is not None:
        return request.constants, "constants given"
    facts = release.facts
    if facts is not None and facts.mean is not None and facts.std is not None:
        return (facts.mean, facts.std), "constants of the facts in the file"
    return constants_of(release.family, data.name), f"constants of {OF[release.family]}"


def _seen(seen: str | None, statistics: str, where: str) -> str:
    """The space that the values show.

    Raises:
        UsageError: they do not show it, or the images are whitened, which only their makers can tell.
        DataError: they are whitened in a way that ddkit does not have.
    """
    if seen is None:
        raise UsageError(
            f"{where}: the values do not show the space of its images ({statistics}); give --space raw, normalised or "
            "zca"
        )
    if seen == "zca":
        raise UsageError(
            f"{where}: its images look whitened ({statistics}); give --space zca if MTT's whitening made them, as in "
            "MTT, FTD, DATM and DataDAM with --zca, and --space raw or normalised if not"
        )
    if seen == OTHER_ZCA:
        raise DataError(
            f"{where}: its images look whitened as FRePo or KIP do it, which is no preprocessing of ddkit "
            f"({statistics}); import their images without whitening, or give --space if they are not"
        )
    return seen


def _text(values: tuple[float, ...]) -> str:
    return ", ".join(map(repr, values))
