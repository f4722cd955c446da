"""A set of graphs on disk: flat arrays in one HDF5 file that h5py reads without ddkit.

The datasets are those of `TreeDag` (depth_size, label, leaf_degree, fan, child, edge_label, count), those of `Samples`
(sample_label or sample_soft, sample_support, sample_size, sample_tree) and the two vocabularies. Whole numbers have the
smallest type that represents them. Root attributes are the facts, and group `ddkit` is the record, as in a set of
images. Equal sets give equal bytes.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import h5py

from ddkit.arguments import checked
from ddkit.graphs import TreeDag
from ddkit.run import atomic_hdf5
from ddkit.synth.container import (
    FORMAT,
    kind_of,
    numbers,
    only,
    read_facts,
    read_file,
    read_record,
    write_facts,
)
from ddkit.synth.graph_set import VOCABULARIES, GraphFacts, GraphSet, Samples, probabilities
from ddkit.synth.ready_made import find_set

KIND, SOFT = "graphs", "sample_soft"


def write_graph_set(graphs: GraphSet, path: Path) -> None:
    """Write a set to `path` atomically.

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
        write_facts(file, graphs.facts, graphs.record)


@checked
def read_graph_set(source: str | Path) -> GraphSet:
    """Read a set of graphs.

    Args:
        source: the file, a run folder with the file set.h5, or the name of a ready-made set.

    Raises:
        UsageError: `source` is not a path.
        DataError: the file is missing, damaged or not a set of graphs, or its content is invalid.
    """
    return read_file(find_set(source), GRAPH_PARSERS)


def is_graph_set(source: str | Path) -> bool:
    """Return whether a file, or the set in a run folder, is a set of graphs. An unreadable file is not."""
    return kind_of(source) == KIND


def _parse(file: h5py.File) -> GraphSet:
    facts, record = read_facts(file, GraphFacts), read_record(file)
    of_trees = [field.name for field in dataclasses.fields(TreeDag)]
    of_samples = ["support", "size", "tree", "soft" if SOFT in file else "label"]
    only(file, ("ddkit", *of_trees, *(f"sample_{name}" for name in of_samples), *VOCABULARIES), "dataset")
    samples = {name: numbers(file, f"sample_{name}") for name in of_samples}
    if "soft" in samples:
        samples["label"] = probabilities(samples["soft"]).argmax(1)
    return GraphSet(
        trees=TreeDag(**{name: numbers(file, name) for name in of_trees}),
        samples=Samples(**samples),
        **{name: numbers(file, name) for name in VOCABULARIES},
        facts=facts,
        record=record,
    )


GRAPH_PARSERS: dict[str, Callable[[h5py.File], GraphSet]] = {KIND: _parse}
"""The kind of files that hold a set of graphs, and the function that parses them."""
