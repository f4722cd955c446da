"""Synthetic sets: methods return them, evaluators train on them, and any trainer can read them with h5py alone.

A set is built from images (or graphs), labels and facts. It is a `SyntheticSet` in memory, one self-describing HDF5
file on disk, a torch `Dataset`, or an export as npz, png or pt. It contains everything that training on it needs and
does not depend on any method.
"""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.synth.checks import TEMPERATURES, shown
    from ddkit.synth.compact import Compact
    from ddkit.synth.compensated import Compensated, clip
    from ddkit.synth.dataset import SyntheticDataset
    from ddkit.synth.description import Description, describe
    from ddkit.synth.export import EXPORTERS, export
    from ddkit.synth.facts import LabelTerms, Record, SetFacts
    from ddkit.synth.formation_names import formation_of, formation_suffix, packed_rival
    from ddkit.synth.graph_export import as_pyg, export_graphs, sample_data
    from ddkit.synth.graph_hdf5 import is_graph_set, read_graph_set, write_graph_set
    from ddkit.synth.graph_set import GraphFacts, GraphSet, Samples, in_255ths, probabilities
    from ddkit.synth.hdf5 import read_set, write_set
    from ddkit.synth.load import load, load_images
    from ddkit.synth.packed import Packed
    from ddkit.synth.packing import pack, unpack
    from ddkit.synth.pixels import Clipped, clipped, in_bytes
    from ddkit.synth.ready_made import find_set, list_sets
    from ddkit.synth.save import save
    from ddkit.synth.synthetic_set import SyntheticSet
    from ddkit.synth.top_k import fewer, only_top, packed_bytes

__all__ = [
    "EXPORTERS",
    "Clipped",
    "Compact",
    "Compensated",
    "Description",
    "GraphFacts",
    "GraphSet",
    "LabelTerms",
    "Packed",
    "Samples",
    "as_pyg",
    "export_graphs",
    "in_255ths",
    "in_bytes",
    "is_graph_set",
    "read_graph_set",
    "sample_data",
    "write_graph_set",
    "Record",
    "SetFacts",
    "SyntheticDataset",
    "SyntheticSet",
    "TEMPERATURES",
    "clip",
    "clipped",
    "describe",
    "export",
    "fewer",
    "list_sets",
    "find_set",
    "formation_of",
    "formation_suffix",
    "load",
    "load_images",
    "only_top",
    "pack",
    "packed_bytes",
    "packed_rival",
    "probabilities",
    "read_set",
    "save",
    "shown",
    "unpack",
    "write_set",
]
