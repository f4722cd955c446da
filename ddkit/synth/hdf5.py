"""The set on disk: one HDF5 file that h5py, Hugging Face `datasets` and any trainer can read without ddkit.

Top level: row-aligned datasets only (`image`, `label`, perhaps `soft_label`). Root attributes: the facts. Group
`ddkit`: attributes only, the record as texts (track_order lifts the 64 KiB limit on attributes). No time of day goes
in, so equal sets give equal bytes.

A compact set (attribute `kind` is "compact") has a group `compact` instead of `image` and `label`: `real`,
`compensator`, and the attributes `expansion`, which names how these become images (see `ddkit.synth.compact`), and
`sha256`, of datasets and facts. Nothing in it is compressed, so that its datasets take the bytes that the set counts.
"""

import dataclasses
import hashlib
import json
import math
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from torch import Tensor

from ddkit.errors import DataError, reason
from ddkit.run import atomic_hdf5
from ddkit.synth.compact import EXPANSIONS, Compact
from ddkit.synth.synthetic_set import Record, SetFacts, SyntheticSet
from ddkit.synth.top_k import pack, unpack

FORMAT = "ddkit-set/1"
KIND, COMPACT = "images", "compact"


def write_set(synthetic: SyntheticSet, path: Path) -> None:
    """Write a set to `path`, whole or not at all.

    Raises:
        DataError: the disk is full or the folder cannot be written.
    """
    with atomic_hdf5(path) as file:
        file.attrs["format"] = FORMAT
        file.attrs["kind"] = KIND if synthetic.compact is None else COMPACT
        if synthetic.compact is None:
            _write_rows(
                file, {"image": synthetic.images.float(), "label": synthetic.labels.long()}, synthetic.facts.ipc
            )
        else:
            group = file.create_group("compact")
            group.attrs["expansion"] = EXPANSIONS[synthetic.compact.mirrored]
            group["real"] = synthetic.compact.real.cpu().numpy()
            group["compensator"] = synthetic.compact.compensators.cpu().numpy()
        for name, tensor in _label_rows(synthetic).items():
            if synthetic.compact is None:
                _write_rows(file, {name: tensor}, synthetic.facts.ipc)
            else:
                file[name] = tensor.detach().cpu().numpy()
        if synthetic.compact is not None:
            file["compact"].attrs["sha256"] = _sha256(file, synthetic.facts)
        for name, value in dataclasses.asdict(synthetic.facts).items():
            if value is not None:
                file.attrs[name] = json.dumps(value) if name == "classes" else value
        group = file.create_group("ddkit", track_order=True)
        for name, text in dataclasses.asdict(synthetic.record).items():
            group.attrs[name] = text


def _sha256(file: h5py.File, facts: SetFacts) -> str:
    """Of the datasets of a compact set, which have no checksums of their own, and of the facts, without which they are
    other images."""
    sha = hashlib.sha256(json.dumps(dataclasses.asdict(facts), sort_keys=True).encode())
    sha.update(file["compact"].attrs["expansion"].encode())
    for name in ("compact/real", "compact/compensator", *sorted(set(file) - {"compact", "ddkit"})):
        sha.update(file[name][:].tobytes())
    return sha.hexdigest()


def _label_rows(synthetic: SyntheticSet) -> dict[str, Tensor]:
    """The soft labels' datasets: none, one, or three where only the largest logits are kept."""
    soft, facts = synthetic.soft_labels, synthetic.facts
    if soft is None:
        return {}
    if facts.top_k is None:
        return {"soft_label": soft.float() if facts.temperature is None else soft.half()}
    top, index, rest = pack(soft, facts.top_k)
    return {"soft_label_top": top, "soft_label_class": index.to(torch.uint16), "soft_label_rest": rest}


def _soft_labels(file: h5py.File, classes: int) -> Tensor | None:
    if "soft_label" in file:
        return torch.from_numpy(file["soft_label"][:]).float()
    if "soft_label_top" not in file:
        return None
    top, rest = (torch.from_numpy(file[name][:]) for name in ("soft_label_top", "soft_label_rest"))
    return unpack(top, torch.from_numpy(file["soft_label_class"][:].astype("int64")), rest, classes)


def _write_rows(file: h5py.File, rows: dict[str, Tensor], ipc: int) -> None:
    """Row-aligned datasets, in chunks of one class."""
    for name, tensor in rows.items():
        array = tensor.detach().cpu().numpy()
        chunks = (max(1, min(len(array), ipc)), *array.shape[1:])
        file.create_dataset(
            name, data=array, chunks=chunks, compression="gzip", compression_opts=4, shuffle=True, fletcher32=True
        )


def read_set(path: Path) -> SyntheticSet:
    """Read a set back.

    Raises:
        DataError: the file is missing, truncated, not HDF5 (a pickle, say), or not a ddkit set.
    """
    if not path.is_file():
        raise DataError(f"set '{path}': there is no such file; `ddkit sets ls` names the ready-made ones")
    if not h5py.is_hdf5(path):
        raise DataError(f"set '{path}': is not an HDF5 file; ddkit reads only .h5 sets and never unpickles a file")
    try:
        with h5py.File(path, "r") as file:
            found = file.attrs.get("format")
            kind = file.attrs.get("kind", KIND)
            if found == FORMAT and kind in (KIND, COMPACT):
                return _parse(file)
    except (OSError, RuntimeError, LookupError, ValueError, TypeError, DataError) as error:
        raise DataError(f"set '{path}': is damaged ({reason(error)}); make it again or fetch another copy") from None
    if found == FORMAT:
        raise DataError(f"set '{path}': is a set of {kind}, not of {KIND}; read it with ddkit.read_graph_set")
    raise DataError(
        f"set '{path}': has format {found!r}, not {FORMAT!r}; it is not a set this version of ddkit can read"
    )


def _parse(file: h5py.File) -> SyntheticSet:
    texts = {f.name: _fact(file.attrs[f.name]) for f in dataclasses.fields(SetFacts) if f.name in file.attrs}
    texts["classes"] = tuple(json.loads(texts["classes"]))
    facts = SetFacts(**texts)
    soft = _soft_labels(file, len(facts.classes))
    record = Record(**{f.name: str(file["ddkit"].attrs[f.name]) for f in dataclasses.fields(Record)})
    if file.attrs["kind"] == COMPACT:
        group, named = file["compact"], {name: mirrored for mirrored, name in EXPANSIONS.items()}
        if (expansion := group.attrs["expansion"]) not in named:
            raise ValueError(f"its expansion {expansion!r} is not one of this version of ddkit")
        if group.attrs["sha256"] != _sha256(file, facts):
            raise ValueError("its numbers are not those that were written")
        real, added = (torch.from_numpy(group[name][:]) for name in ("real", "compensator"))
        found = SyntheticSet.from_compact(Compact(real, added, named[expansion]), facts, soft, record)
    else:
        images, labels = (torch.from_numpy(file[name][:]) for name in ("image", "label"))
        found = SyntheticSet(images=images, labels=labels, soft_labels=soft, facts=facts, record=record)
    _refuse_lost(found)
    return found


def _refuse_lost(found: SyntheticSet) -> None:
    """Raise ValueError for what fits together and still cannot be a set."""
    soft, temperature = found.soft_labels, found.facts.temperature
    if not all(bool(t.isfinite().all()) for t in (found.images, soft) if t is not None):
        raise ValueError("it holds numbers that are not finite")
    if temperature is not None and (soft is None or not 0 < temperature < math.inf):
        raise ValueError(f"labels learned at temperature {temperature} are not there, or cannot be")


def _fact(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return tuple(value.tolist())
    return value.item() if isinstance(value, np.generic) else value
