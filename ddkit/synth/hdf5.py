"""A set of images on disk: one HDF5 file that h5py, Hugging Face `datasets` and any trainer can read without ddkit.

The top level has only row-aligned datasets: `image`, `label`, and `soft_label` if the set has soft labels. Facts and
record are stored as in every set, see `ddkit.synth.container`.

A compact set (attribute `kind` is "compact") has a group `compact` instead of `image` and `label`. The group has the
parts of the compact form, `real` and `compensator` (INFER) or `image` (packed images), and the attribute `expansion`
with the name of the expansion (see `ddkit.synth.compact`). Compact sets are not compressed, so that the datasets have
exactly the bytes that the set counts. In format 1 the group also has a `sha256` of datasets and facts.
"""

import hashlib
import json
import math
from collections.abc import Callable
from pathlib import Path

import h5py
import torch
from torch import Tensor

from ddkit.run import atomic_hdf5
from ddkit.synth.container import (
    FORMAT,
    UNSEALED,
    member,
    numbers,
    only,
    plain,
    read_facts,
    read_file,
    read_record,
    write_facts,
)
from ddkit.synth.facts import SetFacts
from ddkit.synth.forms import form_of
from ddkit.synth.structure import refuse_claim
from ddkit.synth.synthetic_set import SyntheticSet, most_expanded
from ddkit.synth.top_k import pack, unpack

KIND, COMPACT = "images", "compact"
SOFT, PACKED = "soft_label", ("soft_label_top", "soft_label_class", "soft_label_rest")
"""Soft labels are one dataset, or three if only the largest logits are kept."""

FLOAT32 = 4
"""Bytes in memory of a pixel, and of a number of a soft label."""


def write_set(synthetic: SyntheticSet, path: Path) -> None:
    """Write a set to `path` atomically.

    Raises:
        DataError: the disk is full or the folder cannot be written.
    """
    with atomic_hdf5(path) as file:
        file.attrs["format"] = FORMAT
        file.attrs["kind"] = KIND if synthetic.compact is None else COMPACT
        if synthetic.compact is None:
            _write_rows(file, {"image": synthetic.images, "label": synthetic.labels}, max(synthetic.facts.each))
        else:
            group = file.create_group("compact")
            group.attrs["expansion"] = synthetic.compact.expansion
            for name, part in synthetic.compact.parts.items():
                group[name] = part.cpu().numpy()
        for name, tensor in _label_rows(synthetic).items():
            if synthetic.compact is None:
                _write_rows(file, {name: tensor}, max(synthetic.facts.each))
            else:
                file[name] = tensor.numpy()
        write_facts(file, synthetic.facts, synthetic.record)


def _sha256(file: h5py.File, facts: SetFacts, parts: tuple[str, ...]) -> str:
    """Return the digest of the datasets and facts of a compact set of format 1."""
    sha = hashlib.sha256(json.dumps(facts.stated(), sort_keys=True).encode())
    sha.update(file["compact"].attrs["expansion"].encode())
    for name in (*(f"compact/{part}" for part in parts), *sorted(set(file) - {"compact", "ddkit"})):
        sha.update(file[name][:].tobytes())
    return sha.hexdigest()


def _label_rows(synthetic: SyntheticSet) -> dict[str, Tensor]:
    """Return the datasets of the soft labels: none, one, or three if only the largest logits are kept."""
    soft, facts = synthetic.soft_labels, synthetic.facts
    if soft is None:
        return {}
    if facts.top_k is None:
        return {SOFT: soft if facts.temperature is None else soft.half()}
    top, index, rest = pack(soft, facts.top_k)
    return dict(zip(PACKED, (top, index.to(torch.uint16), rest), strict=True))


def _write_rows(file: h5py.File, rows: dict[str, Tensor], ipc: int) -> None:
    """Write row-aligned datasets, in chunks of one class of `ipc` images, the largest one."""
    for name, tensor in rows.items():
        array = tensor.numpy()
        chunks = (max(1, min(len(array), ipc)), *array.shape[1:])
        file.create_dataset(
            name, data=array, chunks=chunks, compression="gzip", compression_opts=4, shuffle=True, fletcher32=True
        )


def read_set(path: Path) -> SyntheticSet:
    """Read a set of images.

    Raises:
        DataError: the file is missing, truncated, not HDF5 (for example a pickle) or not a ddkit set, or its content is
            invalid.
    """
    return read_file(path, IMAGE_PARSERS)


def _images(file: h5py.File) -> SyntheticSet:
    facts, record = read_facts(file, SetFacts), read_record(file)
    only(file, ("image", "label", "ddkit", *_labels_of(facts)), "dataset")
    _refuse_more_rows(file, facts)
    images, labels = (torch.from_numpy(numbers(file, name)) for name in ("image", "label"))
    return SyntheticSet(images=images, labels=labels, soft_labels=_soft_labels(file, facts), facts=facts, record=record)


def _compact(file: h5py.File) -> SyntheticSet:
    facts, record, group = read_facts(file, SetFacts), read_record(file), member(file, "compact", h5py.Group)
    only(file, ("compact", "ddkit", *_labels_of(facts)), "dataset")
    only(group.attrs, ("expansion", "sha256")[: 1 + (plain(file.attrs["format"]) == UNSEALED)], "attribute")
    form = form_of(expansion := plain(group.attrs["expansion"]))
    only(group, form.names, "dataset")
    parts = {name: torch.from_numpy(numbers(group, name)) for name in form.names}
    compact = form.of_parts(parts, expansion, facts)
    rows, *image = compact.shape
    refuse_claim(file, FLOAT32 * rows * (math.prod(image) + len(facts.classes)))
    soft = _soft_labels(file, facts)
    if plain(file.attrs["format"]) == UNSEALED and plain(group.attrs["sha256"]) != _sha256(file, facts, form.names):
        raise ValueError("its numbers are not those that were written")
    return SyntheticSet.from_compact(compact, facts, soft, record)


def _refuse_more_rows(file: h5py.File, facts: SetFacts) -> None:
    """Raise ValueError, before images are read, if there are more than a set of these facts can have."""
    rows, classes, largest = member(file, "image", h5py.Dataset).shape, len(facts.classes), max(facts.each)
    most = sum(facts.each) if facts.temperature is None else classes * most_expanded(facts)
    if rows and rows[0] > most:
        ipc = f"{largest:,}" if facts.counts is None else facts.images_a_class
        raise ValueError(f"it has {rows[0]:,} images, and {classes:,} classes at an ipc of {ipc} have at most {most:,}")


def _labels_of(facts: SetFacts) -> tuple[str, ...]:
    return (SOFT,) if facts.top_k is None else PACKED


def _soft_labels(file: h5py.File, facts: SetFacts) -> Tensor | None:
    if facts.top_k is None:
        return torch.from_numpy(numbers(file, SOFT)) if SOFT in file else None
    top, index, rest = (torch.from_numpy(numbers(file, name)) for name in PACKED)
    refuse_claim(file, FLOAT32 * len(top) * len(facts.classes))
    return unpack(top, index.to(torch.int64), rest, len(facts.classes))


IMAGE_PARSERS: dict[str, Callable[[h5py.File], SyntheticSet]] = {KIND: _images, COMPACT: _compact}
"""Kinds of files that hold a set of images, and the function that parses each."""
