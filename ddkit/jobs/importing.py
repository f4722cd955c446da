"""Import a set that others released."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from ddkit.arguments import checked
from ddkit.data import load_images
from ddkit.errors import UsageError, counted
from ddkit.evaluation import EvaluateSettings
from ddkit.files import too_little_memory
from ddkit.jobs.data.loading import task_of
from ddkit.jobs.imports import (
    ImportedRecipe,
    ImportRequest,
    Unfolded,
    check_quickly,
    decide_space,
    factor_of,
    lineage_of,
    origin_of,
    soft_labels_of,
    stored_counts,
    unfolded,
)
from ddkit.jobs.imports.lineage import accuracies_line
from ddkit.jobs.machine.device import pick_device
from ddkit.jobs.machine.environment import environment
from ddkit.jobs.recipes import to_toml
from ddkit.nets import parse_net
from ddkit.releases import Choices, ReadLabels, Release, arranged, class_order, read_labels, read_release
from ddkit.run import Meter, SilentMeter
from ddkit.synth import Packed, Record, SetFacts, SyntheticSet
from ddkit.task import Task


@checked
def import_set(
    path: str | Path,
    *,
    data: str,
    space: str | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    method: str | None = None,
    ipc: int | None = None,
    net: str | None = None,
    augment: str | None = None,
    labels: str | Path | None = None,
    entry: int | None = None,
    factor: int | None = None,
    lr: float | None = None,
    temperature: float | None = None,
    fyi: bool = False,
    force: bool = False,
    check: bool = False,
    device: str = "auto",
    meter: Meter | None = None,
) -> SyntheticSet:
    """Read a set that others released as a set of ddkit. `docs/import.md` lists the layouts.

    Normalised and whitened images keep their numbers. Raw images (pixels in [0, 1]) are normalised with the fit of the
    data, or with `mean` and `std`. Nothing is clipped. The lineage of the set says where each fact comes from.

    Args:
        path: a file (.pt, .npz, .parquet) or a folder.
        data: the real data that the set was distilled from, such as "cifar10" or "npz:FILE".
        space: "raw", "normalised" or "zca"; default by the values of the images, if they show it.
        mean, std: of each channel, for normalised images; default those of the authors' code for this data.
        method: that made the set; default by the name of the file.
        ipc: images a class, to be compared with those found.
        net: a network for training on the set; default "convnet".
        augment: a DSA strategy for training on the set; default that of the method's authors.
        labels: the file of labels, or "blocks" (class by class); default the one beside the images.
        entry: index of the set in a file of several; default the last one.
        factor: each image is factor x factor small ones (IDC, NCFM); 1: it is not.
        lr: the learned learning rate; default that of a file beside the images.
        temperature: at which labels that are logits are learned; default 1.
        fyi: whether the set was made with FYI, so that training on it mirrors images.
        force: keep `space`, `method` and `data`, although values or the name of the file contradict them.
        check: train a few networks on the set and on random real images, and report both accuracies.
        device: of the check, "auto", "cpu", "cuda", ...
        meter: shows what was found and assumed; by default nothing does.

    Example:
        >>> made = import_set("res_DC_CIFAR10_ConvNet_1ipc.pt", data="cifar10")
        >>> made.facts.ipc, made.facts.space
        (1, 'normalised')

    Raises:
        UsageError: an option is needed, or contradicts the file.
        DataError: the file is damaged, has code, has no known layout, or does not fit the data.
    """
    request = ImportRequest(
        path=Path(path),
        data=data,
        space=space,
        mean=None if mean is None else tuple(mean),
        std=None if std is None else tuple(std),
        method=method,
        ipc=ipc,
        net=net,
        augment=augment,
        lr=lr,
        temperature=temperature,
        factor=factor,
        fyi=fyi,
        force=force,
    )
    meter, chosen = meter or SilentMeter(), pick_device(device)
    release = read_release(request.path, Choices(entry, labels))
    try:
        made, task, notes = _imported(request, release)
    except (MemoryError, RuntimeError) as error:
        raise too_little_memory(error, request.where) from None
    for note in notes:
        meter.say(note)
    if check:
        check_quickly(made, replace(task, real=task.real.to(chosen)), meter)
    return made


def _imported(request: ImportRequest, release: Release) -> tuple[SyntheticSet, Task, list[str]]:
    """The set, its task on the CPU, and what was found and assumed."""
    data = load_images(request.data)
    images = arranged(release.images, data.shape, request.where)
    origin = origin_of(request, release, data)
    read, class_note = _labels_of(request, release, len(images), data.classes)
    soft, temperature, label_note = soft_labels_of(request, release, read)
    space = decide_space(request, release, images, data)
    task = task_of(data, space.settings(request.data, origin.augment), parse_net(origin.net), torch.device("cpu"))
    factor = factor_of(request, release, space.name, min(data.shape[1:]))
    counts = stored_counts(request, read.classes, factor, len(data.classes))
    preprocess, own = task.real.preprocess, Unfolded(images, read.classes)
    if factor > 1 and soft is not None:
        raise UsageError(
            f"--factor: {request.path.name} has soft labels, which packed images do not have; leave it out"
        )
    if space.name == "raw":
        pixels = images.float() / 255 if images.dtype == torch.uint8 else images
        own = unfolded(pixels, read.classes, factor)
        images = preprocess.forward(own.images)
    if own.formation is None:
        counts = counts.times(factor**2)
    raw = preprocess.inverse(images)
    outside = float(((raw < 0) | (raw > 1)).float().mean())
    known = release.facts
    fyi = request.fyi or (known is not None and known.fyi)
    facts = SetFacts(
        method=origin.method,
        dataset=data.name,
        data_digest=data.digest,
        classes=data.classes,
        ipc=counts.ipc,
        counts=None if counts.ipc else counts.each,
        space=preprocess.space,
        preprocess_digest=preprocess.digest,
        net=task.net.spec,
        augment=origin.augment,
        evaluation_flip=max(task.dsa.flip_share, 0.5 if fyi else 0.0, known.evaluation_flip if known else 0.0),
        fyi=fyi,
        mean=preprocess.mean,
        std=preprocess.std,
        lr=request.lr or release.lr or (known.lr if known else None),
        temperature=temperature,
        formation=own.formation,
    )
    notes = [
        f"{request.path.name}: {release.layout}, {counted(len(release.images), 'image')}, "
        f"{facts.images_a_class} a class",
        f"space {space.name}, {space.how}: {space.statistics}",
        f"{100 * outside:.1f} % of the values are outside the pixels' range; they are kept",
        *own.notes,
        *_enlarged_note(release),
        *_order_note(release, data.shape),
        *release.notes,
        *origin.notes,
        *filter(None, (class_note, label_note, accuracies_line(release))),
    ]
    record = Record(
        recipe=to_toml(
            ImportedRecipe(
                data=space.settings(request.data, origin.augment), net=task.net.settings, evaluate=EvaluateSettings()
            )
        ),
        environment=json.dumps(environment(torch.device("cpu"))),
        lineage=json.dumps(lineage_of(release, space, task.real, factor, notes)),
    )
    if own.formation is not None:
        return SyntheticSet.from_compact(Packed(images, own.formation), facts, record=record), task, notes
    return SyntheticSet(images=images, labels=own.classes, soft_labels=soft, facts=facts, record=record), task, notes


def _enlarged_note(release: Release) -> list[str]:
    """A note on the export of a set with packed images, which has their enlarged small ones."""
    k = None if release.facts is None else release.facts.formation
    if k is None:
        return []
    return [
        f"unpacked: the exported set stored {k} x {k} of these images in one; this set stores each whole, "
        f"in {k**2} times the bytes, and rivals are as many whole images; the exported set's .h5 file is packed"
    ]


def _order_note(release: Release, shape: tuple[int, int, int]) -> list[str]:
    """A note on rows of numbers, whose order the file does not say; none for grey images and exports of ddkit."""
    if release.images.dim() > 2 or shape[0] == 1 or release.facts is not None:
        return []
    sizes = "x".join(map(str, shape))
    return [
        f"each image is a row of {release.images.shape[1]:,} numbers, taken as {sizes} in the order channels, height, "
        "width; if it is another order, reshape the images"
    ]


def _labels_of(
    request: ImportRequest, release: Release, images: int, classes: tuple[str, ...]
) -> tuple[ReadLabels, str]:
    """The labels, which count the data's classes, and a note on how the classes were matched."""
    labels, soft, note = release.labels, release.soft, ""
    if release.classes and labels is not None and labels.dim() == 1:
        order, note = class_order(release.classes, classes, request.where)
        if 0 <= int(labels.min()) <= int(labels.max()) < len(order):
            labels = order[labels.long()]
            soft = None if soft is None or soft.shape[1] != len(order) else soft[:, order.argsort()]
    return read_labels(labels, soft, images, len(classes), request.where, uneven=release.uneven), note
