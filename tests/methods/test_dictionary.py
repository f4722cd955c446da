"""The dictionary against the same selection by brute force, on trees that are unfolded node by node."""

import numpy as np
import pytest
from random_graphs import random_graph_data, tree_text

from ddkit.methods.dictionary import dictionary_of
from ddkit.methods.mirage_plus import MiragePlusSettings
from ddkit.methods.trees import Trees


def by_brute_force(trees: Trees, most: int) -> list[int]:
    """Select trees as `dictionary_of` describes it: a tree is selected if its ratio, computed again, is still best."""
    data, full = trees.data, len(trees.levels) - 1
    texts = [[tree_text(data, v, depth) for v in range(len(trees.tree))] for depth in range(full + 1)]
    stored: set[tuple[int, str]] = set()
    matched: set[tuple[int, str]] = set()

    def subtrees(v: int, depth: int) -> dict[tuple[int, str], int]:
        children = data.edge[0, data.edge[1] == v].tolist() if depth else []
        entry = 3 if data.edge_label.any() else 2
        size = 2 + entry * len({texts[depth - 1][u] for u in children}) if depth else 1
        found = {(depth, texts[depth][v]): size}
        for u in children:
            found |= subtrees(u, depth - 1)
        return found

    def cost(tree: int) -> int:
        parts = subtrees(int(trees.vertex[tree]), full)
        return len(data.classes) + sum(size for part, size in parts.items() if part not in stored)

    def own(tree: int) -> list[tuple[int, str]]:
        return [(depth, text[trees.vertex[tree]]) for depth, text in enumerate(texts)]

    def ratio(tree: int) -> float:
        return sum(texts[depth].count(text) for depth, text in own(tree) if (depth, text) not in matched) / cost(tree)

    left = {tree: ratio(tree) for tree in range(len(trees.vertex))}
    kept: list[int] = []
    spent: list[int] = []
    while left:
        tree = min(left, key=lambda one: (-left[one], one))
        del left[tree]
        if left and (now := ratio(tree)) < max(left.values()):
            left |= {tree: now} if now else {}
            continue
        if (size := cost(tree)) > most:
            continue
        if sum(spent) + size > most:
            break
        spent.append(size)
        kept.append(tree)
        stored |= subtrees(int(trees.vertex[tree]), full).keys()
        matched |= set(own(tree))
    return kept


@pytest.mark.parametrize("hops", [1, 2, 3])
@pytest.mark.parametrize("edge_labels", [1, 3])
@pytest.mark.parametrize("most", [25, 120, 100_000])
def test_the_dictionary_is_that_of_brute_force(hops, edge_labels, most):
    data = random_graph_data(hops, graphs=30, nodes=7, edge_labels=edge_labels)
    trees = Trees.of(data, MiragePlusSettings(hops=hops))
    found = dictionary_of(trees, most)
    assert found.tolist() == by_brute_force(trees, most) and found.dtype == np.int64
    assert len(found) > 1
