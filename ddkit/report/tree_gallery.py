"""The gallery of a set of graphs: a row for each class, with the trees of its heaviest samples."""

from pathlib import Path
from typing import Any

import numpy as np

from ddkit.run import atomic_write
from ddkit.synth import GraphSet

COLUMNS = 5
MOST_ROWS = 12
MOST_NODES = 400
"""Trees with more nodes are not drawn; the picture gives their number of nodes."""


def tree_gallery(graphs: GraphSet, path: Path) -> None:
    """Draw the first tree of each class's heaviest samples to a PNG.

    Nodes are coloured by their label, and the root is at the top. Titles give the weight of the sample, and its number
    of trees if it has several.

    Raises:
        DataError: the file cannot be written.
    """
    from matplotlib.figure import Figure  # slow to import

    facts, samples = graphs.facts, graphs.samples
    shown = [c for c in range(len(facts.classes)) if (samples.label == c).any()][:MOST_ROWS]
    begin = np.concatenate([[0], np.cumsum(samples.size)])
    figure = Figure(figsize=(2 * COLUMNS + 0.6, 1.5 * len(shown) + 0.6), layout="constrained", dpi=130)
    axes = figure.subplots(len(shown), COLUMNS, squeeze=False)
    for row, c in zip(axes, shown, strict=True):
        members = np.flatnonzero(samples.label == c)
        heaviest = members[np.argsort(-samples.support[members], kind="stable")][:COLUMNS]
        for place in row:
            place.axis("off")
        for place, sample in zip(row, heaviest, strict=False):
            _draw_tree(place, graphs, int(samples.tree[begin[sample]]))
            more = f", {samples.size[sample]} trees" if samples.size[sample] > 1 else ""
            place.set_title(f"weight {samples.support[sample]}{more}", fontsize=7)
        row[0].text(-0.08, 0.5, facts.classes[c], transform=row[0].transAxes, fontsize=9, ha="right", va="center")
    depth = f"{facts.hops} hop{'s' if facts.hops > 1 else ''}"
    figure.suptitle(f"{facts.method} on {facts.dataset}: the heaviest trees of each class, {depth}", fontsize=10)
    with atomic_write(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})


def _draw_tree(axes: Any, graphs: GraphSet, root: int) -> None:
    trees = graphs.trees
    if trees.nodes[root] > MOST_NODES:
        axes.text(0.5, 0.5, f"{trees.nodes[root]} nodes", ha="center", va="center", fontsize=7)
        return
    number, parent, _ = trees.unfold(root)
    x, depth = _layout(parent)
    axes.plot(np.stack([x[1:], x[parent]]), -np.stack([depth[1:], depth[parent]]), color="0.6", linewidth=0.5, zorder=1)
    labels = max(2, len(graphs.node_vocabulary))
    axes.scatter(x, -depth, c=trees.label[number], cmap="turbo", vmin=0, vmax=labels - 1, s=9, zorder=2)
    axes.margins(0.1)


def _layout(parent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (x, depth) of each node of a tree whose nodes are numbered level by level.

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
