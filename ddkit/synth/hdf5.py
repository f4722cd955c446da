"""The set on disk: one HDF5 file that h5py, Hugging Face `datasets` and any trainer can read without ddkit.

Top level: row-aligned datasets only (`image`, `label`, perhaps `soft_label`). Root attributes: the facts. Group
`ddkit`: attributes only, the record as texts (track_order lifts the 64 KiB limit on attributes). No time of day goes
in, so equal sets give equal bytes.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch

from ddkit.errors import DataError, reason
from ddkit.run import atomic_hdf5
from ddkit.synth.synthetic_set import Record, SetFacts, SyntheticSet

FORMAT = "ddkit-set/1"
KIND = "images"


def write_set(synthetic: SyntheticSet, path: Path) -> None:
    """Write a set to `path`, whole or not at all.

    Raises:
        DataError: the disk is full or the folder cannot be written.
    """
    with atomic_hdf5(path) as file:
        rows = {"image": synthetic.images.float(), "label": synthetic.labels.long()}
        if synthetic.soft_labels is not None:
            rows["soft_label"] = synthetic.soft_labels.float()
        for name, tensor in rows.items():
            array = tensor.detach().cpu().numpy()
            chunks = (max(1, min(len(array), synthetic.facts.ipc)), *array.shape[1:])
            file.create_dataset(
                name, data=array, chunks=chunks, compression="gzip", compression_opts=4, shuffle=True, fletcher32=True
            )
        file.attrs["format"] = FORMAT
        file.attrs["kind"] = KIND
        for name, value in dataclasses.asdict(synthetic.facts).items():
            if value is not None:
                file.attrs[name] = json.dumps(value) if name == "classes" else value
        group = file.create_group("ddkit", track_order=True)
        for name, text in dataclasses.asdict(synthetic.record).items():
            group.attrs[name] = text


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
            if found == FORMAT and kind == KIND:
                return _parse(file)
    except (OSError, RuntimeError, LookupError, ValueError, TypeError, DataError) as error:
        raise DataError(f"set '{path}': is damaged ({reason(error)}); make it again or fetch another copy") from None
    if found == FORMAT:
        raise DataError(f"set '{path}': is a set of {kind}, not of {KIND}; read it with ddkit.read_graph_set")
    raise DataError(
        f"set '{path}': has format {found!r}, not {FORMAT!r}; it is not a set this version of ddkit can read"
    )


def _parse(file: h5py.File) -> SyntheticSet:
    soft = torch.from_numpy(file["soft_label"][:]) if "soft_label" in file else None
    facts = {f.name: _fact(file.attrs[f.name]) for f in dataclasses.fields(SetFacts) if f.name in file.attrs}
    facts["classes"] = tuple(json.loads(facts["classes"]))
    return SyntheticSet(
        images=torch.from_numpy(file["image"][:]),
        labels=torch.from_numpy(file["label"][:]),
        soft_labels=soft,
        facts=SetFacts(**facts),
        record=Record(**{f.name: str(file["ddkit"].attrs[f.name]) for f in dataclasses.fields(Record)}),
    )


def _fact(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return tuple(value.tolist())
    return value.item() if isinstance(value, np.generic) else value
