"""Names of image data: the named datasets with their facts, and the kinds of the user's own images."""

from dataclasses import dataclass

from ddkit.name_table import with_third_parties


@dataclass(frozen=True)
class Facts:
    """Facts of a named dataset. `classes` is empty if the dataset itself contains the names."""

    classes: tuple[str, ...]
    flips_keep_label: bool
    licence: str


_NUMERALS = tuple("0123456789")
_CIFAR_LICENCE = "no formal licence; cite Krizhevsky 2009"
_IMAGENET_LICENCE = "ImageNet's terms: non-commercial research"
_CIFAR100_CLASSES = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish
forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle
mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle wardrobe whale
willow_tree wolf woman worm
"""
_IMAGENETTE_CLASSES = (
    "tench, English springer, cassette player, chain saw, church, "
    "French horn, garbage truck, gas pump, golf ball, parachute"
)
NAMED = {
    "digits": Facts(_NUMERALS, False, "CC BY 4.0 (scikit-learn's copy of the UCI optical digits)"),
    "mnist": Facts(_NUMERALS, False, "CC BY-SA 3.0"),
    "fashion-mnist": Facts(
        ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        True,
        "MIT",
    ),
    "cifar10": Facts(
        ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"), True, _CIFAR_LICENCE
    ),
    "cifar100": Facts(tuple(_CIFAR100_CLASSES.split()), True, _CIFAR_LICENCE),
    "svhn": Facts(_NUMERALS, False, "non-commercial use only"),
    "tiny-imagenet": Facts((), True, _IMAGENET_LICENCE),
    "imagenette": Facts(tuple(_IMAGENETTE_CLASSES.split(", ")), True, _IMAGENET_LICENCE),
}

OWN = {"npz": "npz:FILE", "folder": "folder:DIR", "hf": "hf:DIR_OR_NAME"}
"""Kinds of the user's own images -> how to write them as `data.name`."""

OWN_IMAGES = "npz:FILE, folder:DIR or hf:DIR_OR_NAME"
"""The same in words."""


def is_images(spec: str) -> bool:
    """Return whether a `data.name` is that of images."""
    kind = spec.partition(":")[0]
    return spec in NAMED or kind in OWN or kind in third_party_sources()


def third_party_sources() -> dict[str, str]:
    """Return name -> "module:function" of the sources of images that other packages add."""
    own = dict.fromkeys((*NAMED, *OWN), "")
    return {name: where for name, where in with_third_parties(own, "data").items() if name not in own}
