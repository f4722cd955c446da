"""Files of trajectory methods (MTT, TESLA, FTD, ATT, DATM, PAD, EDF, AST, SeqMatch): images, labels and lr apart.

`images_best.pt` or `images_500.pt` is a tensor; `labels_*.pt` beside it has classes or soft labels, and `lr_*.pt` or
`best_lr.pt` the learned learning rate. Names may begin with `ema_`. DC-BENCH has sets in parts, `images_best_0.pt` to
`images_best_4.pt`.
"""

import re
from pathlib import Path

import torch
from torch import Tensor

from ddkit.data.pictures import visible
from ddkit.errors import DataError, UsageError
from ddkit.releases.release import BLOCKS, Choices, Release, Source
from ddkit.releases.unpickled import read_torch

IMAGES, LABELS = "images", "labels"
PART = re.compile(r"(.*images_best)_(\d+)\.pt")
"""A part of a set. `images_500.pt` is no part, but the set after iteration 500."""


class Trajectory:
    """Reads a tensor of images, all parts of a set, or a folder with one such set."""

    name = "tensors of a trajectory method"
    choices = ("labels",)

    def recognises(self, source: Source) -> bool:
        if source.path.is_dir():
            return bool(_images_in(source.path))
        return source.is_torch and isinstance(source.content, Tensor)

    def read(self, source: Source, choices: Choices) -> Release:
        where, file = source.where, source.path
        notes = []
        if file.is_dir():
            file, others = _chosen(file, where)
            notes += [f"'{file.name}' was read; name one of the others to import it: {others}"] if others else []
        parts = _parts(file, where)
        if len(parts) > 1:
            notes.append(f"the {len(parts)} parts {parts[0].name} to {parts[-1].name} were read")
        if "images_zca" in file.name:
            notes.append(
                f"'{file.name}': MTT's code writes under this name the images after the inverse whitening, to look at; "
                f"'{file.name.replace('_zca', '')}' has the images to train on"
            )
        labels, label_files = _labels(parts, choices.labels, where)
        lr, lr_files = _lr(parts[0], where)
        return Release(
            layout=self.name,
            images=torch.cat([_tensor(part, where) for part in parts]),
            labels=labels,
            files=(*parts, *label_files, *lr_files),
            lr=lr,
            family="mtt",
            notes=tuple(notes),
        )


def _images_in(folder: Path) -> list[Path]:
    """The files of images in a folder, the best ones first."""
    files = [file for file in visible(folder) if IMAGES in file.name and file.suffix == ".pt"]
    return sorted(files, key=lambda file: (not re.fullmatch(r"images_best(_0)?\.pt", file.name), file.name))


def _chosen(folder: Path, where: str) -> tuple[Path, str]:
    """The images of a folder to read, and the names of the others.

    Raises:
        UsageError: no file is the best one of several.
    """
    files = _images_in(folder)
    first = files[0]
    part = PART.fullmatch(first.name)
    others = [file for file in files[1:] if not (part and file.name.startswith(f"{part[1]}_"))]
    if others and "best" not in first.name:
        names = ", ".join(file.name for file in files[:5]) + ", ..." * (len(files) > 5)
        raise UsageError(f"{where}: has several sets ({names}); name one of the files")
    return first, ", ".join(file.name for file in others[:5])


def _parts(file: Path, where: str) -> list[Path]:
    """The parts of a set in their order, or the file itself.

    Raises:
        DataError: a part is missing.
    """
    own = PART.fullmatch(file.name)
    if own is None:
        return [file]
    found = {
        int(part[2]): each for each in visible(file.parent) if (part := PART.fullmatch(each.name)) and part[1] == own[1]
    }
    if missing := sorted(set(range(max(found) + 1)) - set(found)):
        raise DataError(f"{where}: part {own[1]}_{missing[0]}.pt is missing; put all parts into one folder")
    return [found[number] for number in sorted(found)]


def _labels(parts: list[Path], given: str | Path | None, where: str) -> tuple[Tensor | None, list[Path]]:
    """The labels and their files. None for class by class.

    Raises:
        UsageError: there is no file of labels.
    """
    if given is not None:
        if str(given) == BLOCKS:
            return None, []
        return _tensor(Path(given), where), [Path(given)]
    files = [part.with_name(part.name.replace("images_zca", IMAGES).replace(IMAGES, LABELS)) for part in parts]
    whole = files[0].with_name(re.sub(r"_0\.pt$", ".pt", files[0].name))
    for candidates in (files, [whole]):
        if all(file.is_file() and file not in parts for file in candidates):
            return torch.cat([_tensor(file, where) for file in candidates]), candidates
    raise UsageError(
        f"{where}: there is no file of labels '{files[0].name}' beside the images; name it with --labels, or write "
        f"--labels {BLOCKS} if the images are class by class, equally many of each"
    )


def _lr(images: Path, where: str) -> tuple[float | None, list[Path]]:
    """The learned learning rate and its file; MTT's and FTD's code does not save it."""
    names = [images.name.replace(IMAGES, "lr"), re.sub(r"_0\.pt$", ".pt", images.name).replace(IMAGES, "lr")]
    names += ["best_lr.pt"] * ("best" in images.name)
    for name in names:
        file = images.with_name(name)
        if name != images.name and file.is_file():
            found = read_torch(file, where)
            lr = (
                float(found)
                if isinstance(found, float | int) or (isinstance(found, Tensor) and found.numel() == 1)
                else -1.0
            )
            if not 0 < lr < float("inf"):
                raise DataError(f"{where}: '{name}' must be one number above 0, the learning rate; remove the file")
            return lr, [file]
    return None, []


def _tensor(file: Path, where: str) -> Tensor:
    """The tensor in a file.

    Raises:
        DataError: the file has something else.
    """
    found = read_torch(file, where)
    if not isinstance(found, Tensor) or found.dim() == 0:
        raise DataError(f"{where}: '{file.name}' must be a tensor, got {type(found).__name__}; check the file")
    return found
