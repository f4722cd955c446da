"""The sets that go by a name: scikit-learn's digits, and those that torchvision downloads."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor

from ddkit.data.image_data import ImageData
from ddkit.data.npz import KEYS, read_npz, to_tensors
from ddkit.errors import DataError, reason


@dataclass(frozen=True)
class Facts:
    """What is known of a set beside its tensors."""

    classes: tuple[str, ...]
    flips_keep_label: bool
    licence: str


_NUMERALS = tuple("0123456789")
_CIFAR_LICENCE = "no formal licence; cite Krizhevsky 2009"
_CIFAR100_CLASSES = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish
forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle
mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle wardrobe whale
willow_tree wolf woman worm
"""
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
}


def load_named(name: str, home: Path) -> ImageData:
    """The set of that name in NAMED, with its facts.

    `digits` comes with scikit-learn; having no official split, its test part is what scikit-learn's
    `train_test_split(test_size=0.2, random_state=0, stratify=labels)` holds out. The others are read from NAME.npz (or
    with _ for -) in the folder that $DDKIT_DATA names, if it is there, and else downloaded by torchvision into
    `home`/data. Either way gives the same tensors.

    Raises:
        DataError: the file is damaged, or the download failed.
    """
    facts, where = NAMED[name], f"dataset '{name}'"
    if name == "digits":
        parts = _digits()
    elif (path := _offline_file(name, where)) is not None:
        parts = to_tensors(read_npz(path, where), KEYS, f"{where}, file '{path}'")
    else:
        parts = to_tensors(_download(name, home / "data", where), KEYS, where)
    return ImageData(
        **dict(zip(KEYS, parts, strict=True)),
        name=name,
        classes=facts.classes,
        flips_keep_label=facts.flips_keep_label,
        licence=facts.licence,
    )


def _digits() -> tuple[Tensor, ...]:
    digits = load_digits()
    images = torch.from_numpy(digits.images * 255 / 16).round().to(torch.uint8)[:, None]  # 17 grey levels, 0 to 16
    labels = torch.from_numpy(digits.target).long()
    # A split that a trainer without ddkit can repeat with scikit-learn alone.
    rows = train_test_split(np.arange(len(labels)), test_size=0.2, random_state=0, stratify=digits.target)
    train, test = (torch.from_numpy(np.sort(part)) for part in rows)
    return images[train], labels[train], images[test], labels[test]


def _offline_file(name: str, where: str) -> Path | None:
    folder = os.environ.get("DDKIT_DATA")
    if not folder:
        return None
    root = Path(folder).expanduser()
    if not root.is_dir():
        raise DataError(f"{where}: DDKIT_DATA names '{folder}', which is no folder; correct it or unset it")
    candidates = (root / f"{stem}.npz" for stem in (name, name.replace("-", "_")))
    return next((path for path in candidates if path.exists()), None)


def _download(name: str, root: Path, where: str) -> dict[str, np.ndarray]:
    from torchvision import datasets  # slow to import

    try:
        if name == "svhn":
            svhn = [datasets.SVHN(root, split=part, download=True) for part in ("train", "test")]
            arrays = [array for part in svhn for array in (part.data.transpose(0, 2, 3, 1), part.labels)]
        else:
            kinds = {
                "mnist": datasets.MNIST,
                "fashion-mnist": datasets.FashionMNIST,
                "cifar10": datasets.CIFAR10,
                "cifar100": datasets.CIFAR100,
            }
            parts = [kinds[name](root, train=train, download=True) for train in (True, False)]
            arrays = [np.asarray(array) for part in parts for array in (part.data, part.targets)]
    except (OSError, RuntimeError, ValueError, EOFError, AssertionError) as error:
        raise DataError(
            f"{where}: could not be downloaded to, or read from, '{root}' ({reason(error)}); connect to the network, "
            f"or place {name}.npz in the folder that the environment variable DDKIT_DATA names"
        ) from None
    return dict(zip(KEYS, arrays, strict=True))
