"""NumPy archives: the user's own images, and named datasets without a download. Pickles are never read."""

from collections import Counter
from pathlib import Path

import numpy as np
from torch import Tensor

from ddkit.archive import Claim, opened
from ddkit.data.arranged import arranged
from ddkit.data.image_data import ImageData
from ddkit.data.npz_images import check_images, check_labels, images_of, labels_of, numbered
from ddkit.data.part_names import part_of
from ddkit.data.reading import AS_IT_IS, Reading
from ddkit.data.split import with_test_part
from ddkit.errors import DataError, counted, nearest, reason
from ddkit.files import not_a_file

KEYS = ("train_images", "train_labels", "test_images", "test_labels")
VALIDATION_KEYS = ("validation_images", "validation_labels")
FACTS = ("classes", "flips_keep_label")
ALIASES = {"val_images": "validation_images", "val_labels": "validation_labels"}  # MedMNIST's names
READ = (*KEYS, *VALIDATION_KEYS, *FACTS)

_KINDS = {"images": ("x", "image", "img", "imgs", "data", "pixels"), "labels": ("y", "label", "target", "targets")}


def load_npz(path: Path, reading: Reading = AS_IT_IS) -> ImageData:
    """Load a user's archive. The name of the data is that of the file. MedMNIST's files can be read unchanged.

    Required arrays are `train_images` (uint8, N x H x W or N x H x W x channels; other numbers if `reading.pixels`
    gives their range) and `train_labels` (integers, N or N x 1; those that do not count from 0 are numbered). Optional
    arrays are `test_images` and `test_labels` (else a fixed, stratified fifth of train becomes the test part),
    `validation_images` and `validation_labels`, or `val_images` and `val_labels` (else `prepare` cuts them from train),
    `classes` (one string for each class; else the numbers) and `flips_keep_label` (one boolean). An
    array of any other name is refused.

    Raises:
        DataError: the file is missing or damaged, contains a pickle, or has other arrays.
    """
    where = f"dataset 'npz:{path}'"
    arrays, others = read_npz(path, where, reading.pixels)
    if others:
        raise DataError(
            f"{where}: has an array '{others[0]}', which ddkit does not read; {_suggestion(others[0])} "
            "(rename it, or leave it out)"
        )
    parts, notes = parts_of(arrays, where, reading.pixels), _image_notes(arrays)
    if "classes" in arrays:
        names = class_names(arrays, where)
    else:
        parts, names, note = numbered(parts, where)
        notes += note
    parts, classes, converted = arranged(parts, names, reading, where)
    parts, origins = with_test_part(parts, where)
    return ImageData(
        **parts,
        name=path.stem,
        classes=classes,
        flips_keep_label=flips_keep_label(arrays, where),
        licence="not declared",
        origins=origins,
        notes=(*notes, *converted),
    )


def read_npz(path: Path, where: str, pixels: str | None = None) -> tuple[dict[str, np.ndarray], list[str]]:
    """Read the arrays of READ from an archive. Return them and the names of its other arrays, which are not read.

    Args:
        pixels: the range of images that are not bytes; see `check_images`.

    Raises:
        DataError: the file is missing, is not a readable archive of plain arrays, or has an array twice.
    """
    odd = not_a_file(path)
    if odd == "a folder":
        raise DataError(f"{where}: '{path}' is a folder; for a folder of pictures write folder:{path}")
    if odd:
        found = "" if odd == "not there" else f", it is {odd}"
        raise DataError(f"{where}: there is no file '{path}'{found}; check the path")
    try:
        with opened(path) as archive:
            keys = {name: ALIASES.get(name, name) for name in archive.names}
            known = [name for name, key in keys.items() if key in READ]
            _refuse_twice(archive.names, keys, where)
            _refuse_wrong_claims({keys[name]: archive.claim(name) for name in known}, where, pixels)
            arrays = {keys[name]: array for name, array in archive.read(known, where).items()}
    except (DataError, MemoryError):
        raise
    except Exception as error:  # the readers of zip, header and numbers raise any error for damaged bytes
        raise DataError(
            f"{where}: '{path}' is not a readable .npz of plain arrays ({reason(error)}); "
            f"write it again with numpy.savez (pickled objects are never read)"
        ) from None
    return arrays, [name for name in keys if name not in known]


def _refuse_twice(names: list[str], keys: dict[str, str], where: str) -> None:
    """Raise DataError if the archive has two arrays of one name, or an array and its alias."""
    twice = [name for name in names if list(keys.values()).count(keys[name]) > 1]
    counts = Counter(names)
    twice += [name for name in names if counts[name] > 1]
    if twice:
        raise DataError(f"{where}: gives '{keys[twice[0]]}' twice ({' and '.join(twice[:2])}); leave one out")


def _refuse_wrong_claims(claims: dict[str, Claim], where: str, pixels: str | None) -> None:
    """Raise DataError for images or labels of a wrong dtype or shape before they are unpacked."""
    for key, claim in claims.items():
        if key.endswith("_images"):
            check_images(claim, key, where, pixels)
        elif key.endswith("_labels"):
            check_labels(claim, key, where)
    for part in ("train", "validation", "test"):
        images, labels = (claims.get(f"{part}_{kind}") for kind in ("images", "labels"))
        if images and labels and images.shape[0] != labels.shape[0]:
            raise DataError(
                f"{where}, {part} part: {counted(images.shape[0], 'image')} but {counted(labels.shape[0], 'label')}; "
                "there must be one for each"
            )


def parts_of(arrays: dict[str, np.ndarray], where: str, pixels: str | None = None) -> dict[str, Tensor]:
    """Return the train part, and the test and validation part if they are given, as ImageData's tensors.

    Raises:
        DataError: an array is missing, or has a wrong dtype or shape.
    """
    given = [key for key in (*KEYS, *VALIDATION_KEYS) if key in arrays]
    for part in dict.fromkeys(["train", *(key.partition("_")[0] for key in given)]):
        for key in (f"{part}_images", f"{part}_labels"):
            if key not in arrays:
                raise DataError(f"{where}: has no array '{key}'; a part needs {part}_images and {part}_labels")
    return {
        key: images_of(arrays[key], key, where, pixels)
        if key.endswith("images")
        else labels_of(arrays[key], key, where)
        for key in given
    }


def class_names(arrays: dict[str, np.ndarray], where: str) -> tuple[str, ...]:
    """Return the names in the array `classes`; without it, the numbers from 0 to the largest training label.

    Raises:
        DataError: `classes` is not one string for each class, or the labels do not count from 0.
    """
    if "classes" in arrays:
        names = arrays["classes"]
        if names.dtype.kind != "U" or names.ndim != 1:
            found = f"{names.dtype} {list(names.shape)}"
            raise DataError(f"{where}: 'classes' must be strings, one for each class, got {found}")
        return tuple(names.tolist())
    labels = arrays["train_labels"]
    low, high = (int(labels.min()), int(labels.max())) if len(labels) else (0, 0)
    if low < 0 or high > len(labels):
        raise DataError(f"{where}: 'train_labels' must count the classes from 0, got {low if low < 0 else high}")
    return tuple(str(label) for label in range(high + 1))


def flips_keep_label(arrays: dict[str, np.ndarray], where: str) -> bool | None:
    """Return the boolean in the array of that name, or None if there is no such array.

    Raises:
        DataError: the array is not one boolean.
    """
    if "flips_keep_label" not in arrays:
        return None
    flag = arrays["flips_keep_label"]
    if flag.dtype != np.bool_ or flag.size != 1:
        raise DataError(f"{where}: 'flips_keep_label' must be one boolean, got {flag.dtype} {list(flag.shape)}")
    return bool(flag.item())


def _image_notes(arrays: dict[str, np.ndarray]) -> tuple[str, ...]:
    """Lines about images that are rounded to bytes, or have channels that are no colours."""
    images = arrays["train_images"]
    notes = [] if images.dtype == np.uint8 else [f"images are {images.dtype}, and each number is rounded to a byte"]
    if images.ndim == 4 and images.shape[3] not in (1, 3):
        notes.append(f"images have {counted(images.shape[3], 'channel')}")
    return tuple(notes)


def _suggestion(name: str) -> str:
    """Suggest the key of READ that an unknown name may mean: x_test means test_images."""
    words = name.lower().split("_")
    part = next((part for word in words if (part := part_of(word))), None)
    kind = next((kind for word in words for kind, names in _KINDS.items() if word == kind or word in names), None)
    return f"did you mean {part}_{kind}?" if part and kind else f"{nearest(name, READ)}"
