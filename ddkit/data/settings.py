"""The recipe's section [data]: the images, their split and their preprocessing."""

import math
from dataclasses import dataclass, fields, replace
from typing import Any

from ddkit.data.names import OWN_IMAGES
from ddkit.data.reading import ONLY_FOR, Reading
from ddkit.errors import RecipeError
from ddkit.recipe import ANY_SEED, Settings, setting


@dataclass(frozen=True, kw_only=True)
class DataSettings(Settings):
    """The dataset, its split, and the space of the synthetic images."""

    name: str = setting(
        "digits",
        help=f"a name that `ddkit data ls` lists, or your own images as {OWN_IMAGES}",
    )
    validation: float = setting(0.1, above=0, below=0.5, help="share of each class held out of the training data")
    split_seed: int = setting(0, at_least=0, at_most=ANY_SEED, help="seed of the stratified validation draw")
    preprocess: str = setting(
        "normalise", one_of=("normalise", "zca", "imagenet"), help="space of the networks' inputs"
    )
    augment: str = setting("", help="DSA strategy such as color_crop_cutout_flip_scale_rotate; empty: no augmentation")
    flips_keep_label: bool | None = setting(
        None, help="whether a mirrored image keeps its label; none: as the data declares, else as a test finds"
    )
    mean: str | None = setting(
        None,
        later=True,
        help="mean of each channel, as in 0.49, 0.48, 0.45, in place of that of the training images; needs std",
    )
    std: str | None = setting(
        None,
        later=True,
        help="standard deviation of each channel, in place of that of the training images; needs mean",
    )
    fit: str = setting(
        "train",
        later=True,
        one_of=("train", "all"),
        help="images that the preprocessing is fitted on; all: also those that are held out for validation",
    )

    classes: tuple[str, ...] = setting(
        (),
        later=True,
        help="names of the classes to use, in the order of their labels, or a list such as @imagewoof; empty: all",
    )
    resize: int | None = setting(
        None,
        at_least=1,
        at_most=4096,
        later=True,
        help="side of all images in pixels: the shorter side is resized to it, and the centre kept; none: as they are",
    )
    mode: str | None = setting(
        None,
        one_of=("RGB", "L"),
        later=True,
        help="mode that all images are converted to, L is grey; none: as they are",
    )
    pixels: str | None = setting(
        None,
        one_of=("unit", "bytes"),
        later=True,
        help="range of the numbers of npz:FILE that are not bytes: unit is 0 to 1, bytes is 0 to 255",
    )
    image_column: str | None = setting(None, later=True, help="column of the images of hf:; none: found by its type")
    label_column: str | None = setting(None, later=True, help="column of the labels of hf:; none: found by its type")
    config: str | None = setting(None, later=True, help="configuration of hf: to read; none: the only or default one")

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.mean is None) != (self.std is None):
            given, missing = ("mean", "std") if self.std is None else ("std", "mean")
            raise RecipeError(f"key 'data.{given}': needs data.{missing} too; set both, or neither")
        if self.mean is not None and self.preprocess != "normalise":
            raise RecipeError(
                f'key \'data.mean\': replaces the fit of data.preprocess "normalise", got "{self.preprocess}"; '
                "leave mean and std out, or change preprocess"
            )
        _ = self.constants

    @property
    def reading(self) -> Reading:
        """How the images are read from their source."""
        return Reading(**{field.name: getattr(self, field.name) for field in fields(Reading)})

    def moved_to(self, name: str) -> "DataSettings":
        """These settings for the same images from another source, without what describes the present one."""
        kind = name.partition(":")[0]
        others: dict[str, Any] = {setting: None for setting, only in ONLY_FOR.items() if only != kind}
        return replace(self, name=name, **others)

    @property
    def constants(self) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
        """Mean and std of each channel; None if they are those of the training images.

        Raises:
            RecipeError: they are not finite numbers, as many of each, or a std is not above 0.
        """
        if self.mean is None or self.std is None:
            return None
        mean, std = numbers(self.mean, "key 'data.mean'"), numbers(self.std, "key 'data.std'")
        if len(mean) != len(std):
            raise RecipeError(f"key 'data.std': has {len(std)} numbers, but data.mean {len(mean)}; give one a channel")
        if min(std) <= 0:
            raise RecipeError(f"key 'data.std': must be above 0, got {min(std):g}")
        return mean, std


def numbers(text: str, where: str) -> tuple[float, ...]:
    """Read numbers that commas or spaces separate.

    Example:
        >>> numbers("0.5, .25", "here")
        (0.5, 0.25)

    Raises:
        RecipeError: the text is something else. The line begins with `where`.
    """
    try:
        found = tuple(float(word) for word in text.replace(",", " ").split())
    except ValueError:
        found = ()
    if not found or not all(map(math.isfinite, found)):
        raise RecipeError(f"{where}: must be finite numbers, one a channel, as in 0.49, 0.48, 0.45; got {text[:60]!r}")
    return found
