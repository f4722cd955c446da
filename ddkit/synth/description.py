"""Facts and record of a set of images, read without its images, so that lists of sets need no torch."""

from dataclasses import dataclass
from pathlib import Path

import h5py

from ddkit.synth.container import read_facts, read_file, read_record
from ddkit.synth.facts import Record, SetFacts


@dataclass(frozen=True)
class Description:
    """The facts and the record of a set."""

    facts: SetFacts
    record: Record


def describe(path: Path) -> Description:
    """Read the facts and the record of a set of images.

    Raises:
        DataError: the file is missing, damaged, or not a set of images.
    """
    return read_file(path, {"images": _described, "compact": _described})


def _described(file: h5py.File) -> Description:
    return Description(read_facts(file, SetFacts), read_record(file))
