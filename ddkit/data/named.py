"""Datasets by name: scikit-learn's digits, datasets that torchvision downloads, and two subsets of ImageNet."""

import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ddkit.data.arranged import arranged
from ddkit.data.image_data import ImageData
from ddkit.data.imagenette import load_imagenette
from ddkit.data.names import NAMED, Facts
from ddkit.data.npz import KEYS, class_names, flips_keep_label, parts_of, read_npz
from ddkit.data.reading import AS_IT_IS, Reading
from ddkit.data.tiny_imagenet import load_tiny_imagenet
from ddkit.errors import DataError, reason
from ddkit.files import not_a_file
from ddkit.home import expanded

LARGEST_IDX = 60_000 * 28 * 28 + 16
"""Bytes of MNIST's training images, the largest idx file."""


def load_named(name: str, home: Path, reading: Reading = AS_IT_IS) -> ImageData:
    """Load the dataset of this name in NAMED, with its facts.

    `digits` comes with scikit-learn. It has no official split; its test part is the one held out by scikit-learn's
    `train_test_split(test_size=0.2, random_state=0, stratify=labels)`.

    The other datasets are read from NAME.npz (or with _ instead of -) in the folder $DDKIT_DATA, if that file exists.
    Otherwise `tiny-imagenet` and `imagenette` are read from a folder of pictures in $DDKIT_DATA or in `home`/data (see
    `load_tiny_imagenet` and `load_imagenette`). torchvision downloads missing datasets except `tiny-imagenet` into
    `home`/data.

    An archive gives the same tensors as the files that it was made from, and a validation part if it has one. The
    archive of `tiny-imagenet` has the names of its classes, as any user's archive. A note names arrays that are not
    read.

    Args:
        name: a name in NAMED.
        home: the folder whose `data` holds downloads.
        reading: the classes to keep, and the conversion of the images.

    Raises:
        DataError: a file is missing or damaged, the download failed, or an archive contradicts the facts of the
            dataset.
    """
    facts, where = NAMED[name], f"dataset '{name}'"
    parts, names, notes = _parts(name, home / "data", where)
    parts, classes, converted = arranged(parts, names, reading, where)
    return ImageData(
        **parts,
        name=name,
        classes=classes,
        flips_keep_label=facts.flips_keep_label,
        licence=facts.licence,
        origins={"validation": "the archive's"} if "validation_images" in parts else {},
        notes=(*notes, *converted),
    )


def _parts(name: str, downloads: Path, where: str) -> tuple[dict[str, Tensor], tuple[str, ...], tuple[str, ...]]:
    """Return ImageData's tensors, the class names (from NAMED or from the dataset), and notes."""
    facts = NAMED[name]
    if name == "digits":
        return dict(zip(KEYS, _digits(), strict=True)), facts.classes, ()
    offline = _offline_folder(where)
    if offline and (path := _archive(name, offline)):
        return _read_archive(path, facts, where)
    roots = [root for root in (offline, downloads) if root]
    if name == "tiny-imagenet":
        tensors, classes = load_tiny_imagenet(roots, where)
        return dict(zip(KEYS, tensors, strict=True)), classes, ()
    if name == "imagenette":
        return dict(zip(KEYS, load_imagenette(roots, where), strict=True)), facts.classes, ()
    return parts_of(_download(name, downloads, where), where), facts.classes, ()


def _read_archive(path: Path, facts: Facts, where: str) -> tuple[dict[str, Tensor], tuple[str, ...], tuple[str, ...]]:
    """Read NAME.npz and compare it with the facts of the dataset. Return what `_parts` returns."""
    arrays, others = read_npz(path, where)
    where = f"{where}, file '{path}'"
    parts = parts_of(arrays, where)
    if missing := [key for key in KEYS if key not in arrays]:
        raise DataError(f"{where}: has no array '{missing[0]}'; it needs {', '.join(KEYS)}")
    classes = class_names(arrays, where)
    if "classes" in arrays and facts.classes and classes != facts.classes:
        raise DataError(
            f"{where}: its 'classes' are not this set's, {', '.join(facts.classes[:3])}, ...; leave them out"
        )
    if flips_keep_label(arrays, where) not in (None, facts.flips_keep_label):
        raise DataError(f"{where}: 'flips_keep_label' is {facts.flips_keep_label} for this set; leave it out")
    notes = (f"not read in '{path}': {', '.join(others)}",) if others else ()
    return parts, facts.classes or classes, notes


def _digits() -> tuple[Tensor, ...]:
    from sklearn.datasets import load_digits  # slow to import
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    images = torch.from_numpy(digits.images * 255 / 16).round().to(torch.uint8)[:, None]  # 17 grey levels, 0 to 16
    labels = torch.from_numpy(digits.target).long()
    # A split that a trainer without ddkit can repeat with scikit-learn alone.
    rows = train_test_split(np.arange(len(labels)), test_size=0.2, random_state=0, stratify=digits.target)
    train, test = (torch.from_numpy(np.sort(part)) for part in rows)
    return images[train], labels[train], images[test], labels[test]


def _offline_folder(where: str) -> Path | None:
    folder = os.environ.get("DDKIT_DATA")
    if not folder:
        return None
    root = expanded(folder)
    if not root.is_dir():
        raise DataError(f"{where}: DDKIT_DATA names '{folder}', which is not a folder; correct it or unset it")
    return root


def _archive(name: str, folder: Path) -> Path | None:
    candidates = (folder / f"{stem}.npz" for stem in (name, name.replace("-", "_")))
    return next((path for path in candidates if path.exists()), None)


def _refuse_large_idx(root: Path, where: str) -> None:
    """Raise DataError if a file that torchvision would read without a check is larger than any of MNIST's."""
    for file in (*root.glob("MNIST/raw/*-ubyte"), *root.glob("FashionMNIST/raw/*-ubyte")):
        if not_a_file(file) or file.stat().st_size > LARGEST_IDX:
            raise DataError(
                f"{where}: '{file}' is none of the set's files, the largest of which has {LARGEST_IDX:,} bytes; "
                "remove it"
            )


def _download(name: str, root: Path, where: str) -> dict[str, np.ndarray]:
    from torchvision import datasets  # slow to import

    _refuse_large_idx(root, where)
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
    except MemoryError:
        raise
    except Exception as error:  # the readers of idx, pickle and mat raise any error for damaged bytes
        raise DataError(
            f"{where}: could not be downloaded to, or read from, '{root}' ({reason(error)}); connect to the network, "
            f"or place {name}.npz in the folder that the environment variable DDKIT_DATA names"
        ) from None
    return dict(zip(KEYS, arrays, strict=True))
