"""OGB's raw molecule files (Hu et al. 2020): csv.gz tables, read directly, with the stored split."""

import gzip
from pathlib import Path

import numpy as np

from ddkit.errors import DataError
from ddkit.graphs.graph_data import GraphData, joined
from ddkit.graphs.table import read_numbers

Array = np.ndarray


def read_ogb(folder: Path, name: str, licence: str = "") -> GraphData:
    """The graphs of raw/*.csv.gz in `folder`, with the first split that lies in split/.

    All columns of a node's (an edge's) features together are its label. OGB stores each bond once; here it is in both
    directions, as its loader makes it.

    Raises:
        DataError: a file is missing or damaged, or there are several tasks.
    """
    where = f"graphs '{name}'"

    def table(path: str) -> Array:
        return read_numbers(folder / path, where, gzip.open)

    sizes, bonds = table("raw/num-node-list.csv.gz")[:, 0], table("raw/num-edge-list.csv.gz")[:, 0]
    values = table("raw/graph-label.csv.gz")
    if values.shape[1] != 1 or not np.isfinite(values).all():
        raise DataError(
            f"{where}: has {values.shape[1]} tasks or missing labels; a set with one class a graph is needed"
        )
    one_way = joined(table("raw/edge.csv.gz").T, np.repeat(np.arange(len(bonds)), bonds), sizes, where)
    splits = sorted((folder / "split").glob("*/train.csv.gz"))
    parts = ("train", "valid", "test")
    return GraphData.of(
        name=name,
        where=where,
        sizes=sizes,
        node_rows=table("raw/node-feat.csv.gz"),
        edge=np.stack([one_way, one_way[::-1]], 2).reshape(2, -1),
        edge_rows=np.repeat(table("raw/edge-feat.csv.gz"), 2, axis=0),
        values=values[:, 0],
        split=tuple(table(f"split/{splits[0].parent.name}/{part}.csv.gz")[:, 0] for part in parts) if splits else None,
        licence=licence,
    )
