"""The recipe's section [data]: the images, their split and their preprocessing."""

from dataclasses import dataclass

from ddkit.recipe import ANY_SEED, Settings, setting


@dataclass(frozen=True, kw_only=True)
class DataSettings(Settings):
    """The dataset, its split, and the space of the synthetic images."""

    name: str = setting(
        "digits",
        help="a name that `ddkit data ls` lists, or your own images as npz:FILE or folder:DIR",
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
