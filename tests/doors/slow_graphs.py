"""Slow, obvious readers of graphs: loops over lists, one rule after the other. None is what nobody can read."""

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch_geometric.data import Data

Outcome = tuple[Any, ...] | None
"""Of each graph in order: its class, its nodes' labels, its sorted edges (source, target, label)."""


@dataclass
class Plain:
    """Graphs as lists: nodes of each, (graph, source, target) of each edge, rows of features, classes, named parts."""

    sizes: list[int]
    edges: list[tuple[int, int, int]]
    nodes: list[list[Any]] | None
    edge_rows: list[list[Any]] | None
    classes: list[Any]
    parts: dict[str, list[int]] = field(default_factory=dict)


class Nonsense(Exception):
    """What has no reading."""


def need(condition: Any) -> None:
    if not condition:
        raise Nonsense


def integral(value: Any) -> bool:
    return math.isfinite(value) and int(value) == value and -(2**63) <= value < 2**63


def outcome(graphs: Plain) -> Outcome:
    """What the graphs are, by loops over lists."""
    try:
        need(len(graphs.classes) == len(graphs.sizes) and all(size >= 0 for size in graphs.sizes))
        names = [c if isinstance(c, str) else str(int(c)) for c in graphs.classes if isinstance(c, str) or integral(c)]
        need(len(names) == len(graphs.classes) and len(set(names)) >= 2)
        for g, source, target in graphs.edges:
            need(0 <= source < graphs.sizes[g] and 0 <= target < graphs.sizes[g])
        nodes, edge_rows = (None if rows and not rows[0] else rows for rows in (graphs.nodes, graphs.edge_rows))
        need(nodes is None or len(nodes) == sum(graphs.sizes))
        need(edge_rows is None or len(edge_rows) == len(graphs.edges))
        for row in [*(nodes or []), *(edge_rows or [])]:
            need(all(map(integral, row)))
    except Nonsense:
        return None
    degree = Counter((g, target) for g, _, target in graphs.edges)
    found, begin = [], 0
    for g, size in enumerate(graphs.sizes):
        labels = [(degree[g, v],) if nodes is None else tuple(map(int, nodes[begin + v])) for v in range(size)]
        edges = []
        for e, (owner, source, target) in enumerate(graphs.edges):
            if owner == g:
                edges.append((source, target, (0,) if edge_rows is None else tuple(map(int, edge_rows[e]))))
        found.append((names[g], labels, sorted(edges)))
        begin += size
    return tuple(found)


def from_global(sizes: list[int], ends: list[tuple[Any, Any]]) -> list[tuple[int, int, int]]:
    """Edges whose nodes are numbered through all graphs."""
    owner = [(g, v) for g, size in enumerate(sizes) for v in range(size)]
    edges = []
    for source, target in ends:
        need(integral(source) and integral(target) and 0 <= source < len(owner) and 0 <= target < len(owner))
        (g, s), (h, t) = owner[int(source)], owner[int(target)]
        need(g == h)
        edges.append((g, s, t))
    return edges


def npz_says(arrays: dict[str, Any]) -> Plain | None:
    """The arrays of a graph npz."""
    names = {"split_train": "train", "split_valid": "validation", "split_validation": "validation"}
    names |= {"split_val": "validation", "split_test": "test"}

    def column(key: str) -> list[Any]:
        array = arrays[key]
        need(array.ndim == 1 or (array.ndim == 2 and array.shape[1] == 1))
        need(array.dtype.kind in "biuf")
        return array.ravel().tolist()

    def rows(key: str) -> list[list[Any]] | None:
        if key not in arrays:
            return None
        array = arrays[key]
        need(array.ndim)
        if array.size == 0 and 0 in array.shape[1:]:
            return None
        need(array.dtype.kind in "biuf")
        return [np.ravel(row).tolist() for row in array]

    try:
        need({"edge_src", "edge_dst", "num_nodes", "label"} <= set(arrays))
        need(set(arrays) <= {"edge_src", "edge_dst", "num_nodes", "label", "node_feat", "edge_feat", *names})
        need(all(array.ndim for array in arrays.values()))
        sources, targets = column("edge_src"), column("edge_dst")
        need(len(sources) == len(targets))
        sizes = column("num_nodes")
        need(all(integral(size) and 0 <= size < 1000 for size in sizes))
        sizes = list(map(int, sizes))
        label = arrays["label"]
        need(label.dtype.kind in "biufU" and label.size == len(label) == len(sizes))
        edges = from_global(sizes, list(zip(sources, targets, strict=True)))
        parts: dict[str, list[int]] = {}
        for key, part in names.items():
            if key in arrays:
                need(part not in parts)
                numbers = column(key)
                if arrays[key].dtype == bool:
                    need(len(numbers) == len(sizes))
                    numbers = [g for g, here in enumerate(numbers) if here]
                need(all(map(integral, numbers)))
                parts[part] = sorted(map(int, numbers))
        need(not parts or {"train", "test"} <= set(parts))
        return Plain(sizes, edges, rows("node_feat"), rows("edge_feat"), label.ravel().tolist(), parts)
    except Nonsense:
        return None


def tu_says(texts: dict[str, str]) -> Plain | None:
    """The files of a TU folder, by name. Numbers are what Python reads, in ASCII and without underscores."""

    def table(part: str) -> list[list[float]]:
        rows = []
        for line in texts[f"X_{part}.txt"].replace("\r\n", "\n").replace("\r", "\n").split("\n"):
            if line:
                need("_" not in line and line.isascii())
                row: list[float] = []
                for word in line.split(","):
                    try:
                        row.append(int(word) if word.strip().lstrip("+-").isdigit() else float(word))
                    except ValueError:
                        raise Nonsense from None
                rows.append(row)
        need(len({len(row) for row in rows}) <= 1)
        every = [number for row in rows for number in row]
        if not all(isinstance(number, int) and integral(number) for number in every):
            need(not any(math.isfinite(number) and abs(number) >= 2**53 for number in every))
        return rows

    known = ["A", "graph_indicator", "graph_labels", "node_labels", "edge_labels"]
    attributes = ["node_attributes", "edge_attributes", "graph_attributes"]
    try:
        for name in texts:
            need("readme" in name.lower() or name in [f"X_{part}.txt" for part in known + attributes])
        need(all(f"X_{part}.txt" in texts for part in known[:3]))
        indicator, labels = table("graph_indicator"), table("graph_labels")
        need(all(len(row) == 1 and integral(row[0]) for row in indicator) and all(len(row) == 1 for row in labels))
        owner = [int(row[0]) for row in indicator]
        need(owner and owner == sorted(owner) and owner[0] >= 1 and owner[-1] == len(labels))
        sizes = [owner.count(g + 1) for g in range(len(labels))]
        pairs = table("A")
        need(all(len(row) == 2 for row in pairs))
        edges = from_global(sizes, [(source - 1, target - 1) for source, target in pairs])
        features = [table(part) if f"X_{part}.txt" in texts else None for part in known[3:]]
        return Plain(sizes, edges, features[0], features[1], [row[0] for row in labels])
    except Nonsense:
        return None


def pyg_says(graphs: Any) -> Plain | None:
    """A list of PyG objects."""
    plain = Plain([], [], [], [], [])
    columns: dict[str, set[int | None]] = {"x": set(), "edge_attr": set()}
    try:
        need(isinstance(graphs, list) and graphs)
        for g, graph in enumerate(graphs):
            need(type(graph) is Data)
            given = {key: value for key, value in graph.to_dict().items() if value is not None}
            for key, value in given.items():
                beside = isinstance(value, str | int) and not key.startswith("edge_")
                need(beside or key in ("x", "edge_index", "edge_attr", "y", "num_nodes"))
            need(isinstance(given.get("edge_index"), torch.Tensor))
            need(not given["edge_index"].numel() or given["edge_index"].dim() == 2)
            need(all(given[key].dim() for key in ("x", "edge_attr") if key in given))
            index = given["edge_index"].tolist() if given["edge_index"].numel() else [[], []]
            need(len(index) == 2)
            ends = list(zip(*index, strict=True))
            number = given.get(
                "num_nodes", len(given["x"]) if "x" in given else 1 + max([*index[0], *index[1]], default=-1)
            )
            if isinstance(number, torch.Tensor):
                need(number.numel() == 1)
                number = number.item()
            need(integral(number) and number >= 0 and ("x" in given or "num_nodes" in given or ends))
            plain.sizes.append(int(number))
            for source, target in ends:
                need(integral(source) and integral(target))
                plain.edges.append((g, int(source), int(target)))
            for key, count, rows in (("x", plain.sizes[-1], plain.nodes), ("edge_attr", len(ends), plain.edge_rows)):
                value = given.get(key)
                if value is not None and (value.numel() or count):
                    need(len(value) == count)
                if count:
                    columns[key].add(None if value is None else math.prod(value.shape[1:]))
                    rows += [[0]] * count if value is None else value.detach().reshape(count, -1).tolist()
            y = given.get("y")
            if isinstance(y, torch.Tensor):
                need(y.numel() == 1)
                y = y.item()
            need(isinstance(y, int | float))
            plain.classes.append(y)
        need(all(len(found) <= 1 for found in columns.values()))
    except Nonsense:
        return None
    plain.nodes = None if columns["x"] <= {None, 0} else plain.nodes
    plain.edge_rows = None if columns["edge_attr"] <= {None, 0} else plain.edge_rows
    return plain
