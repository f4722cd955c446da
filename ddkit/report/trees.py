"""The trees of a set of graphs: their layout, their marks, and their drawings as SVG."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from ddkit.report.blocks import Drawing, TreeDrawings
from ddkit.report.colours import Mark
from ddkit.report.svg import Element, add, drawing, markup
from ddkit.synth import GraphSet

Array = np.ndarray

MOST_NODES = 400
"""Trees with more nodes are not drawn; their number of nodes is stated."""

MOST_CLASSES = 12
EACH = 5
"""Samples of each class that are drawn."""

WIDTH, LEVEL, RADIUS = 150.0, 34.0, 5.0


@dataclass(frozen=True, eq=False)
class DrawnTree:
    """The first tree of a sample, and what its caption states.

    Attributes:
        x, depth: the place of each node; None if the tree is too large.
        parent: of each node but the first.
        label: of each node.
        nodes: number of nodes.
        support: the weight of the sample.
        trees: number of trees of the sample.
    """

    x: Array | None
    depth: Array
    parent: Array
    label: Array
    nodes: int
    support: float
    trees: int

    @property
    def caption(self) -> str:
        """The weight of the sample, and its number of trees if it has several."""
        return f"weight {self.support:g}" + (f", {self.trees} trees" if self.trees > 1 else "")


def drawn_trees(graphs: GraphSet, each: int = EACH) -> dict[str, list[DrawnTree]]:
    """The first trees of the `each` heaviest samples of each class, by the class's name."""
    samples = graphs.samples
    begin = np.concatenate([[0], np.cumsum(samples.size)])
    shown = [c for c in range(len(graphs.facts.classes)) if (samples.label == c).any()][:MOST_CLASSES]
    return {
        graphs.facts.classes[c]: [
            _drawn(graphs, int(begin[sample]), int(sample)) for sample in heaviest(graphs, c)[:each]
        ]
        for c in shown
    }


def heaviest(graphs: GraphSet, label: int) -> Array:
    """The numbers of a class's samples, the heaviest first."""
    members = np.flatnonzero(graphs.samples.label == label)
    return members[np.argsort(-graphs.samples.support[members].astype(float), kind="stable")]


def marks(trees: Iterable[DrawnTree]) -> dict[int, Mark]:
    """The mark of each node label that is drawn, in the order of the labels."""
    labels = sorted({int(label) for tree in trees if tree.x is not None for label in tree.label})
    return {label: Mark.of(number) for number, label in enumerate(labels)}


def label_name(graphs: GraphSet, label: int) -> str:
    """The raw value of a node label, as in the data."""
    value = graphs.node_vocabulary[label].tolist() if label < len(graphs.node_vocabulary) else []
    return f"label {', '.join(map(str, value))}" if value else f"label {label}"


def tree_drawings(graphs: GraphSet, *, budget: int) -> TreeDrawings:
    """Drawings of the trees of the heaviest samples, and the legend of the node labels, in at most `budget` bytes.

    The root is at the top. If both are larger than the budget, the drawings of the lighter samples are left out.
    """
    for each in range(EACH, 0, -1):
        drawn = _drawings(graphs, each)
        drawings = [*drawn.legend, *(one for _, trees in drawn.groups for one in trees)]
        if sum(len(one.svg) + len(one.caption) for one in drawings) <= budget:
            return drawn
    return TreeDrawings(graphs.facts.dataset, (), (), "The trees are too large to draw in this file.")


def _drawings(graphs: GraphSet, each: int) -> TreeDrawings:
    groups = drawn_trees(graphs, each)
    found = marks(tree for trees in groups.values() for tree in trees)
    drawn = [
        (name, tuple(Drawing(_picture(graphs, tree, found), tree.caption) for tree in trees))
        for name, trees in groups.items()
    ]
    counts = np.bincount(graphs.samples.label, minlength=len(graphs.facts.classes))
    notes = [f"the first tree of the {each} heaviest samples of a class"] * int(counts.max() > each)
    notes += [f"{MOST_CLASSES} of {(counts > 0).sum()} classes"] * int((counts > 0).sum() > MOST_CLASSES)
    return TreeDrawings(
        title=f"{graphs.facts.method} on {graphs.facts.dataset}",
        groups=tuple(drawn),
        legend=tuple(Drawing(_key(mark), label_name(graphs, label)) for label, mark in found.items()),
        note=f"Shown: {'; '.join(notes)}." if notes else "",
    )


def _drawn(graphs: GraphSet, place: int, sample: int) -> DrawnTree:
    trees, samples = graphs.trees, graphs.samples
    root = int(samples.tree[place])
    nodes, support, count = int(trees.nodes[root]), float(samples.support[sample]), int(samples.size[sample])
    empty = np.zeros(0, np.int64)
    if nodes > MOST_NODES:
        return DrawnTree(None, empty, empty, empty, nodes, support, count)
    number, parent, _ = trees.unfold(root)
    x, depth = layout(parent)
    return DrawnTree(x, depth, parent, trees.label[number], nodes, support, count)


def _picture(graphs: GraphSet, tree: DrawnTree, found: dict[int, Mark]) -> Markup:
    if tree.x is None:
        root = drawing(WIDTH, 40, f"a tree of {tree.nodes} nodes, too large to draw", "tree")
        add(root, "text", f"{tree.nodes} nodes", x=WIDTH / 2, y=24, class_="tick")
        return markup(root)
    labels = ", ".join(label_name(graphs, int(label)) for label in tree.label[:12])
    more = ", ..." if tree.nodes > 12 else ""
    high = LEVEL * (graphs.facts.hops + 0.9)
    root = drawing(WIDTH, high, f"a tree of {tree.nodes} nodes; from the root: {labels}{more}", "tree")
    span = float(tree.x.max()) or 1.0
    radius = min(RADIUS, 0.45 * (WIDTH - 16) / max(1.0, span)) if span > 1 else RADIUS
    radius = max(1.5, radius)
    x = 8 + tree.x / span * (WIDTH - 16) if tree.x.max() else np.full(len(tree.x), WIDTH / 2)
    y = 0.45 * LEVEL + tree.depth * LEVEL
    lines = "".join(f"M{x[i + 1]:.1f} {y[i + 1]:.1f}L{x[p]:.1f} {y[p]:.1f}" for i, p in enumerate(tree.parent))
    if lines:
        add(root, "path", d=lines, class_="edge")
    for across, down, label in zip(x, y, tree.label, strict=True):
        _mark(root, found[int(label)], float(across), float(down), radius)
    return markup(root)


def _key(mark: Mark) -> Markup:
    root = drawing(16, 16, f"{mark.shape} {mark.number}".strip(), "key")
    _mark(root, mark, 8.0, 8.0, 6.0)
    return markup(root)


def _mark(root: Element, mark: Mark, x: float, y: float, r: float) -> None:
    corners = {"square": ((-1, -1), (1, -1), (1, 1), (-1, 1)), "triangle": ((0, -1.2), (1.1, 0.9), (-1.1, 0.9))}
    corners["diamond"] = ((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0))
    if mark.shape == "circle":
        add(root, "circle", cx=x, cy=y, r=r, fill=mark.colour, class_="mark")
    else:
        points = " ".join(f"{x + r * a:.1f},{y + r * b:.1f}" for a, b in corners[mark.shape])
        add(root, "polygon", points=points, fill=mark.colour, class_="mark")
    if mark.number:
        add(root, "text", mark.number, x=x, y=y + r / 2, class_="number", font_size=1.4 * r)


def layout(parent: Sequence[int] | Array) -> tuple[Array, Array]:
    """(x, depth) of each node of a tree whose nodes are numbered level by level.

    Leaves are side by side, and parents are above the middle of their children.
    """
    nodes = len(parent) + 1
    depth = np.zeros(nodes)
    for node in range(1, nodes):
        depth[node] = depth[parent[node - 1]] + 1
    children: list[list[int]] = [[] for _ in range(nodes)]
    for node in range(1, nodes):
        children[parent[node - 1]].append(node)
    x, next_leaf = np.zeros(nodes), 0
    stack = [(0, False)]
    while stack:
        node, done = stack.pop()
        if not children[node]:
            x[node], next_leaf = next_leaf, next_leaf + 1
        elif done:
            x[node] = (x[children[node][0]] + x[children[node][-1]]) / 2
        else:
            stack += [(node, True), *((child, False) for child in reversed(children[node]))]
    return x, depth
