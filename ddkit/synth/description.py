"""Facts, record and bytes of a set, read without its images, so that lists of sets need no torch."""

import math
from dataclasses import dataclass
from pathlib import Path

import h5py

from ddkit.synth.container import read_facts, read_file, read_record
from ddkit.synth.facts import Record, SetFacts
from ddkit.synth.graph_hdf5 import GRAPH_PARSERS
from ddkit.synth.graph_set import GraphFacts


@dataclass(frozen=True)
class Description:
    """The facts and the record of a set, and the bytes that it stores.

    Attributes:
        stored_bytes: of images or their compact form and soft labels, or of trees and samples, before compression.
    """

    facts: SetFacts | GraphFacts
    record: Record
    stored_bytes: int


def describe(path: Path) -> Description:
    """Read the facts and the record of a set.

    Raises:
        DataError: the file is missing, damaged, or not a set.
    """
    return read_file(path, {"images": _of_images, "compact": _of_images, "graphs": _of_graphs})


def _of_images(file: h5py.File) -> Description:
    inner = file["compact"] if "compact" in file else file
    arrays = [inner[name] for name in inner if name in ("image", "real", "compensator")]
    arrays += [file[name] for name in file if name.startswith("soft_label")]
    size = sum(math.prod(array.shape) * array.dtype.itemsize for array in arrays)
    return Description(read_facts(file, SetFacts), read_record(file), size)


def _of_graphs(file: h5py.File) -> Description:
    made = GRAPH_PARSERS["graphs"](file)
    return Description(made.facts, made.record, made.stored_bytes)
