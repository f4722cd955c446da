"""A set of graphs on disk: flat arrays in one HDF5 file that h5py reads without ddkit.

Datasets: those of `TreeDag` (depth_size, label, leaf_degree, fan, child, edge_label, count), of `Samples`
(sample_label or sample_soft, sample_support, sample_size, sample_tree), and the two vocabularies, each
array of whole numbers in the smallest type that holds it. Root attributes: the facts. Group `ddkit`: the record, as in
a set of images. Equal sets give equal bytes.
"""

import dataclasses
import json
from pathlib import Path

import h5py
import numpy as np

from ddkit.errors import DataError, reason
from ddkit.graphs import TreeDag
from ddkit.run import atomic_hdf5
from ddkit.synth.graph_set import GraphFacts, GraphSet, Samples, probabilities
from ddkit.synth.hdf5 import FORMAT
from ddkit.synth.synthetic_set import Record

KIND = "graphs"
VOCABULARIES = ("node_vocabulary", "edge_vocabulary")


def write_graph_set(graphs: GraphSet, path: Path) -> None:
    """Write a set to `path`, whole or not at all.

    Raises:
        DataError: the disk is full or the folder cannot be written.
    """
    arrays = graphs.trees.arrays() | graphs.samples.arrays() | {name: getattr(graphs, name) for name in VOCABULARIES}
    with atomic_hdf5(path) as file:
        for name, array in arrays.items():
            packed = {"compression": "gzip", "shuffle": True, "fletcher32": True} if array.size else {}
            file.create_dataset(name, data=array, **packed)
        file.attrs["format"] = FORMAT
        file.attrs["kind"] = KIND
        for name, value in dataclasses.asdict(graphs.facts).items():
            file.attrs[name] = json.dumps(value) if name == "classes" else value
        group = file.create_group("ddkit", track_order=True)
        for name, text in dataclasses.asdict(graphs.record).items():
            group.attrs[name] = text


def read_graph_set(path: Path) -> GraphSet:
    """Read a set of graphs back.

    Args:
        path: the file, or the run folder that holds it as set.h5.

    Raises:
        DataError: the file is missing, damaged, or no set of graphs.
    """
    path = path / "set.h5" if path.is_dir() else path
    if not path.is_file() or not h5py.is_hdf5(path):
        raise DataError(f"set '{path}': is no HDF5 file; name a set's .h5 file or its run folder")
    try:
        with h5py.File(path, "r") as file:
            found = (file.attrs.get("format"), file.attrs.get("kind"))
            if found == (FORMAT, KIND):
                return _parse(file)
    except (OSError, RuntimeError, LookupError, ValueError, TypeError, DataError) as error:
        raise DataError(f"set '{path}': is damaged ({reason(error)}); make it again or fetch another copy") from None
    raise DataError(f"set '{path}': is {found[1] or 'nothing'} of format {found[0]!r}, not {KIND} of {FORMAT!r}")


def is_graph_set(path: Path) -> bool:
    """Whether a file, or the set in a run folder, is a set of graphs; a file that cannot be read is not."""
    path = path / "set.h5" if path.is_dir() else path
    try:
        with h5py.File(path, "r") as file:
            return bool(file.attrs.get("kind") == KIND)
    except OSError:
        return False


def _parse(file: h5py.File) -> GraphSet:
    def numbers(name: str) -> np.ndarray:
        array = file[name][:]
        return array if array.dtype.kind == "f" else array.astype(np.int64)

    samples = {f.name: numbers(f"sample_{f.name}") for f in dataclasses.fields(Samples) if f"sample_{f.name}" in file}
    if "soft" in samples:
        samples["label"] = probabilities(samples["soft"]).argmax(1)
    facts = {f.name: file.attrs[f.name] for f in dataclasses.fields(GraphFacts)}
    facts |= {"classes": tuple(json.loads(facts["classes"])), "hops": int(facts["hops"])}
    facts |= {"true_degrees": bool(facts["true_degrees"])}
    return GraphSet(
        trees=TreeDag(**{f.name: numbers(f.name) for f in dataclasses.fields(TreeDag)}),
        samples=Samples(**samples),
        **{name: numbers(name) for name in VOCABULARIES},
        facts=GraphFacts(**facts),
        record=Record(**{f.name: str(file["ddkit"].attrs[f.name]) for f in dataclasses.fields(Record)}),
    )
