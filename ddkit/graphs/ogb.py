"""Reads OGB's raw molecule files (Hu et al. 2020): csv.gz tables and the stored split."""

from pathlib import Path

import numpy as np

from ddkit.errors import DataError
from ddkit.graphs.given_split import PARTS, given_split
from ddkit.graphs.graph_data import GivenSplit, GraphData
from ddkit.graphs.raw_graphs import RawGraphs, joined
from ddkit.graphs.table import read_numbers
from ddkit.graphs.unread import refuse_unread
from ddkit.graphs.whole_numbers import whole

Array = np.ndarray

TABLE = ".csv.gz"
NEEDED = ("num-node-list", "num-edge-list", "edge", "graph-label")
FEATURES = ("node-feat", "edge-feat")


def read_ogb(folder: Path, name: str, licence: str = "") -> GraphData:
    """Read the graphs of raw/*.csv.gz in `folder`, with the first split in split/.

    The label of a node or edge is the combination of all columns of its features. OGB stores each bond once; the result
    has both directions, as OGB's loader does. The folder mapping/, with the names of molecules, is not read.

    Raises:
        DataError: a file is missing, damaged or not of the format, or there are several tasks.
    """
    where = f"graphs '{name}'"
    there = _tables(folder / "raw", (*NEEDED, *FEATURES), where)

    def table(what: str) -> Array:
        return read_numbers(folder / "raw" / (what + TABLE), where, may_lack=what == "graph-label")

    def counts(what: str) -> Array:
        found = whole(table(what), f"{where}: {what}")
        if found.shape[1] != 1 or np.any(found < 0):
            raise DataError(f"{where}: raw/{what}{TABLE} must have one number of at least 0 on each line")
        return found[:, 0]

    sizes, bonds = counts("num-node-list"), counts("num-edge-list")
    if len(sizes) != len(bonds):
        raise DataError(f"{where}: lists the nodes of {len(sizes)} graphs and the edges of {len(bonds)}")
    ends = table("edge")
    if len(ends) and ends.shape[1] != 2:
        raise DataError(f"{where}: an edge has {ends.shape[1]} ends; there must be two")
    if (together := sum(bonds.tolist())) != len(ends):
        raise DataError(f"{where}: its graphs have {together} edges together, but there are {len(ends)}")
    one_way = joined(ends.T.reshape(2, -1), np.repeat(np.arange(len(bonds)), bonds), sizes, where)
    edge_rows = table("edge-feat") if "edge-feat" in there else None
    split, notes = _split(folder / "split", len(sizes), where)
    return RawGraphs(
        name=name,
        where=where,
        sizes=sizes,
        edge=np.stack([one_way, one_way[::-1]], 2).reshape(2, -1),
        values=table("graph-label"),
        node_features=table("node-feat") if "node-feat" in there else None,
        edge_features=None if edge_rows is None else np.repeat(edge_rows, 2, axis=0),
        split=split,
        licence=licence,
        notes=notes,
    ).labelled()


def _tables(folder: Path, known: tuple[str, ...], where: str) -> list[str]:
    """Return the names of the tables in a folder. Raise DataError for any other file."""
    files = _names(folder)
    refuse_unread(files, [name + TABLE for name in known], f"{where}, folder '{folder}'", "file")
    return [file.removesuffix(TABLE) for file in files]


def _split(folder: Path, graphs: int, where: str) -> tuple[GivenSplit | None, tuple[str, ...]]:
    """Return (the first split in alphabetical order, a note on the others)."""
    names = _names(folder)
    if not names:
        return None, ()
    chosen = folder / names[0]
    if not chosen.is_dir():
        raise DataError(
            f"{where}, folder '{folder}': must have a folder for each split, such as scaffold, got the file "
            f"'{names[0]}'"
        )
    tables = _tables(chosen, tuple(PARTS), where)
    parts = {name: read_numbers(chosen / (name + TABLE), where) for name in tables}
    if not parts:
        raise DataError(f"{where}, folder '{chosen}': has no train{TABLE}; put the split there, or remove the folder")
    others = (f"of the splits {', '.join(names)} the first is used",) if len(names) > 1 else ()
    return given_split(parts, graphs, where), others


def _names(folder: Path) -> list[str]:
    """List the entries of a folder without hidden files and those with "readme" in their name."""
    every = sorted(path.name for path in folder.glob("*"))
    return [name for name in every if not name.startswith(".") and "readme" not in name.lower()]
