"""The gallery of a set of graphs as a PNG: for each class a row of its heaviest samples' trees, and a legend."""

from pathlib import Path
from typing import Any

import numpy as np

from ddkit.report.colours import MARKERS, Mark
from ddkit.report.trees import EACH, DrawnTree, drawn_trees, label_name, marks
from ddkit.run import atomic_write
from ddkit.synth import GraphSet

MOST_IN_LEGEND = 24


def tree_gallery(graphs: GraphSet, path: Path) -> None:
    """Draw the first tree of each class's heaviest samples to a PNG.

    Nodes are marked by their label, and the root is at the top. Titles give the weight of the sample, and its number
    of trees if it has several. The legend has the node labels that are drawn, at most 24.

    Raises:
        DataError: the file cannot be written.
    """
    from matplotlib.figure import Figure  # slow to import

    facts, groups = graphs.facts, drawn_trees(graphs)
    found = marks(tree for trees in groups.values() for tree in trees)
    figure = Figure(figsize=(2 * EACH + 0.6, 1.5 * len(groups) + 1.0), layout="constrained", dpi=130)
    axes = figure.subplots(len(groups), EACH, squeeze=False)
    for row, (name, trees) in zip(axes, groups.items(), strict=True):
        for place in row:
            place.axis("off")
        for place, tree in zip(row, trees, strict=False):
            _draw_tree(place, tree, found)
            place.set_title(tree.caption, fontsize=7)
        row[0].text(-0.08, 0.5, name, transform=row[0].transAxes, fontsize=9, ha="right", va="center")
    depth = f"{facts.hops} hop{'s' if facts.hops > 1 else ''}"
    figure.suptitle(f"{facts.method} on {facts.dataset}: the heaviest trees of each class, {depth}", fontsize=10)
    _legend(figure, {label_name(graphs, label): mark for label, mark in found.items()})
    with atomic_write(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})


def _draw_tree(axes: Any, tree: DrawnTree, found: dict[int, Mark]) -> None:
    if tree.x is None:
        axes.text(0.5, 0.5, f"{tree.nodes} nodes", ha="center", va="center", fontsize=7)
        return
    x, depth, parent = tree.x, tree.depth, tree.parent
    axes.plot(np.stack([x[1:], x[parent]]), -np.stack([depth[1:], depth[parent]]), color="0.6", linewidth=0.5, zorder=1)
    for label in np.unique(tree.label):
        mark, here = found[int(label)], tree.label == label
        place = (x[here], -depth[here])
        axes.scatter(*place, color=mark.colour, marker=MARKERS[mark.shape], s=14, lw=0.3, edgecolors="0.2", zorder=2)
        for a, b in zip(*place, strict=True) if mark.number else ():
            axes.text(a, b, mark.number, fontsize=4, ha="center", va="center", zorder=3)
    axes.margins(0.1)


def _legend(figure: Any, names: dict[str, Mark]) -> None:
    from matplotlib.lines import Line2D

    keys = [
        Line2D([], [], color=mark.colour, marker=MARKERS[mark.shape], linestyle="", markersize=5, label=name)
        for name, mark in list(names.items())[:MOST_IN_LEGEND]
    ]
    title = None if len(names) <= MOST_IN_LEGEND else f"the first {MOST_IN_LEGEND} of {len(names)} node labels"
    figure.legend(handles=keys, loc="outside lower center", ncols=8, fontsize=7, title=title, title_fontsize=7)
