"""What an imported set was made by, and the form of its soft labels."""

import re
from dataclasses import dataclass

from torch import Tensor

from ddkit.data import DSA, ImageData
from ddkit.errors import UsageError
from ddkit.jobs.imports.request import ImportRequest
from ddkit.releases import ReadLabels, Release, constants_of, same_data

FILE_NAME = re.compile(r"res_(?P<method>[^_]+)_(?P<data>.+)_(?P<net>[^_]+)_(?P<ipc>\d+)ipc")
"""The names of files of Dataset Condensation: res_DC_CIFAR10_ConvNet_10ipc.pt."""

UNKNOWN = "imported"
"""The method of a set whose maker is not known."""

PLAIN = ("dc", UNKNOWN)
"""Methods whose sets are trained on without augmentation unless `--augment` is given."""

STRATEGY = "color_crop_cutout_flip_scale_rotate"
"""The augmentation under which DSA, DM and the trajectory methods learn their sets."""


@dataclass(frozen=True)
class Origin:
    """What a set was made by.

    Attributes:
        method: in lower case.
        net: a network by spec.
        augment: the augmentation of training on the set.
        notes: on what was assumed.
    """

    method: str
    net: str
    augment: str
    notes: tuple[str, ...]


def origin_of(request: ImportRequest, release: Release, data: ImageData) -> Origin:
    """Find method, network and augmentation by the request, the facts of an export, and the name of the file.

    Raises:
        UsageError: the name of the file names another method or other data than the request, or the facts of an export
            name other data.
    """
    named, facts, notes = FILE_NAME.match(request.path.name), release.facts, []
    if named is not None and not request.force:
        _refuse_another(request, named, data)
    if facts is not None and facts.data_digest != data.digest:
        if not same_data(facts.dataset, data.name) and not request.force:
            raise UsageError(
                f"{request.where}: its facts say data '{facts.dataset}', but --data is '{data.name}'; name the data "
                "that the set was distilled from, or add --force to keep it"
            )
        notes.append(f"the facts in the file are of data '{facts.dataset}' with another digest, {facts.data_digest}")
    if named is not None:
        notes.append(f"the name of the file: method {named['method']}, data {named['data']}, network {named['net']}")
    method = request.method or (facts.method if facts else named["method"] if named else UNKNOWN)
    method = method.lower()
    if method == UNKNOWN:
        notes.append(
            "the method is not known; --method names it, and `--protocol paper` then repeats that method's evaluation"
        )
    net = request.net or (facts.net if facts else "convnet")
    if request.augment is not None:
        augment = request.augment
    elif facts is not None:
        augment = facts.augment
    else:
        augment = "" if method in PLAIN else STRATEGY
        if data.flips_keep_label is False:
            augment = DSA(augment).without_flip()
        notes.append(f"augmentation of training on the set: {augment or 'none'}, as for {method}; --augment changes it")
    return Origin(method, net, augment, tuple(notes))


def _refuse_another(request: ImportRequest, named: re.Match[str], data: ImageData) -> None:
    """Raise UsageError if the request contradicts the name of the file."""
    if request.method is not None and request.method.lower() != named["method"].lower():
        raise UsageError(
            f"{request.where}: its name says method {named['method']}, but --method is {request.method}; leave "
            "--method out, or add --force to keep it"
        )
    known = constants_of("dc", data.name) is not None and constants_of("dc", named["data"]) is not None
    if known and not same_data(named["data"], data.name):
        raise UsageError(
            f"{request.where}: its name says data {named['data']}, but --data is '{data.name}'; name the data that the "
            "set was distilled from, or add --force to keep it"
        )


def soft_labels_of(
    request: ImportRequest, release: Release, labels: ReadLabels
) -> tuple[Tensor | None, float | None, str]:
    """(soft labels, the temperature if they are logits, a note).

    Logits without a temperature become probabilities, softmax(logits), which a cross entropy learns as well.

    Raises:
        UsageError: a temperature is given, and the labels are no logits.
    """
    own = None if release.facts is None else release.facts.temperature
    temperature = own if request.temperature is None else request.temperature
    if labels.soft is None or not labels.logits:
        if request.temperature is not None:
            kind = "classes" if labels.soft is None else "probabilities"
            raise UsageError(f"--temperature: is for labels that are logits, but these are {kind}; leave it out")
        return labels.soft, None, labels.note
    if temperature is None:
        assumed = "learned at temperature 1 as DATM does, and stored as probabilities; --temperature changes it"
        return labels.soft.softmax(1), None, f"{labels.note}, {assumed}"
    return labels.soft, temperature, labels.note
