"""Read the set from which a run begins, as `method.pix_init = "set:FILE"` names it."""

import hashlib
import json
from pathlib import Path

from torch import Tensor

from ddkit.data import RealData
from ddkit.errors import DataError, counted
from ddkit.jobs.recipes import Recipe
from ddkit.jobs.sets.pixels import raw_images
from ddkit.methods import GivenImages, path_of_given
from ddkit.synth import Packed, SyntheticSet, find_set, load_images, read_set, shown
from ddkit.task import Task


def given_images(recipe: Recipe, task: Task) -> GivenImages | None:
    """The images of the given set in the space of the run's images, on its device; None if the recipe names no set.

    Raises:
        DataError: the set cannot be read, or its classes or the shape of its images are not those of the data.
    """
    if (path := _path(recipe)) is None:
        return None
    made, packing = _set_for(path, task.real), recipe.method.packing
    if (packed := _packed_alike(made, task.real, packing)) is not None:
        images, labels = packed.images.to(task.real.train.images), packed.stored_labels(made.facts)
        return GivenImages(images, labels.to(task.device), _digest(path), packing)
    return GivenImages(_in_space(made, task.real), made.labels.to(task.device), _digest(path))


def refuse_other_given(file: Path, recipe: Recipe) -> None:
    """Raise DataError if a finished set began from another file than the one that its recipe names now."""
    if (path := _path(recipe)) is None:
        return
    began_with, now = str(json.loads(read_set(file).record.lineage).get("initial_set", "")), _digest(path)
    if began_with != now:
        raise DataError(
            f"set '{file}': began from another set '{path}' (digest {began_with[:8]}) than found here ({now[:8]}); "
            "choose another --out"
        )


def lines_on_given(recipe: Recipe, task: Task) -> list[str]:
    """What a user should know about the given set: how many of its images are used, and what of it is not used.

    Raises:
        DataError: as `given_images`.
    """
    if (path := _path(recipe)) is None:
        return []
    made, real, wanted = _set_for(path, task.real), task.real, recipe.method.counts(task.real)
    packing, labels, what = recipe.method.packing, made.labels, "images"
    if (packed := _packed_alike(made, real, packing)) is not None:
        labels, what = packed.stored_labels(made.facts), "packed images"
    elif packing > 1:
        wanted, what = wanted.times(packing**2), "images, made small"
    found = labels.bincount(minlength=real.data.class_count).tolist()
    used = sum(min(own, count) for own, count in zip(found, wanted.each, strict=True))
    added, left = wanted.total - used, len(labels) - used
    line = f"begins from set '{path}' ({made.facts.title} on {made.facts.dataset}): {used} of its {len(labels)} {what}"
    if left:
        line += ", the first of each class"
    if added:
        usual = getattr(recipe.method, "usual_init", "")
        line += f", and {counted(added, 'initial image')} as with method.pix_init={usual}"
    lines = [line]
    if made.facts.preprocess_digest != real.preprocess.digest:
        lines.append(
            f"set '{path}': its images are in another space ({made.facts.space}, other data or preprocessing); they "
            f"are converted through pixels to this run's ({real.preprocess.space})"
        )
    if made.facts.lr is not None and hasattr(recipe.method, "lr_teacher"):
        lines.append(
            f"set '{path}': its learned lr is not used; --set method.lr_teacher={made.facts.lr:.6g} continues with it"
        )
    if made.soft_labels is not None:
        lines.append(f"set '{path}': its soft labels are not used")
    return lines


def _path(recipe: Recipe) -> str | None:
    """The set that the recipe names; None if it names none."""
    return path_of_given(getattr(recipe.method, "pix_init", ""))


def _digest(path: str) -> str:
    """SHA-256 (hex) of the set's file."""
    return hashlib.sha256(find_set(path).read_bytes()).hexdigest()


def _set_for(path: str, real: RealData) -> SyntheticSet:
    """The set, whose classes and images fit the data."""
    made = load_images(path)
    for what, own, wanted in (
        ("classes", made.facts.classes, real.data.classes),
        ("images' channels, height and width", tuple(made.images.shape[1:]), tuple(real.data.shape)),
    ):
        if own != wanted:
            raise DataError(
                f"key 'method.pix_init', set '{path}': its {what} are {shown(own)}, but those of the data are "
                f"{shown(wanted)}; name a set of this data"
            )
    return made


def _packed_alike(made: SyntheticSet, real: RealData, packing: int) -> Packed | None:
    """The set's packed images, if a run with this packing can begin from them as they are."""
    alike = made.facts.formation == packing and made.facts.preprocess_digest == real.preprocess.digest
    return made.compact if alike and isinstance(made.compact, Packed) else None


def _in_space(made: SyntheticSet, real: RealData) -> Tensor:
    """The set's images in the space of the real images. Those of another space are converted through pixels."""
    like = real.train.images
    if made.facts.preprocess_digest == real.preprocess.digest:
        return made.images.to(like)
    return real.preprocess.forward(raw_images(made).to(like.device)).to(like)
