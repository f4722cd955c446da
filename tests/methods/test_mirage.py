"""Mirage: its itemsets are those of brute force over trees written out, its set fits the budget."""

from itertools import combinations

import numpy as np
import pytest
from random_graphs import distil, random_graph_data, tree_text

from ddkit.errors import UsageError
from ddkit.graphs import graph_bytes, split_graphs
from ddkit.methods import graph_method, mirage
from ddkit.methods.mirage import MirageSettings


def text_of(made, tree: int, data) -> str:
    """A stored tree in the canonical form of `tree_text`."""
    number, parent, label = made.trees.unfold(tree)
    text = [f"({made.trees.label[n]}" for n in number]
    children: list[list[str]] = [[] for _ in number]
    for node in range(len(number) - 1, -1, -1):
        text[node] += "".join(sorted(children[node])) + ")"
        if node:
            children[parent[node - 1]].append(f"{label[node - 1]}{text[node]}")
    return text[0]


def found(made, data, c: int) -> dict[frozenset[str], int]:
    begin = np.concatenate([[0], np.cumsum(made.samples.size)])
    return {
        frozenset(text_of(made, int(t), data) for t in made.samples.tree[begin[s] : begin[s + 1]]): int(
            made.samples.support[s]
        )
        for s in np.flatnonzero(made.samples.label == c)
    }


def test_itemsets_are_those_of_trees_written_out():
    data = random_graph_data(21, graphs=12, nodes=5, labels=2, edge_labels=1)
    made = distil(graph_method("mirage"), MirageSettings(hops=1, thresholds="2,3"), data, 0)
    for c, threshold in ((0, 2), (1, 3)):
        bags = [
            {tree_text(data, v, 1) for v in range(data.offset[g], data.offset[g + 1])}
            for g in np.flatnonzero(data.y == c)
        ]
        trees = sorted(set().union(*bags))
        expected = {
            frozenset(itemset): support
            for size in range(1, len(trees) + 1)
            for itemset in combinations(trees, size)
            if (support := sum(set(itemset) <= bag for bag in bags)) >= threshold
        }
        assert expected and found(made, data, c) == expected


def test_molbace_at_the_papers_thresholds(real_graphs):
    data = real_graphs("ogbg-molbace")
    train = data.subset(split_graphs(data, 0).train)
    made = distil(graph_method("mirage"), MirageSettings(hops=3, thresholds="150,104"), train, 0)
    supports = [made.samples.support[made.samples.label == c].tolist() for c in (0, 1)]
    assert len(supports[0]) == 4 and supports[1] == [132, 122, 117, 109, 109, 104, 104, 104, 104]
    assert made.trees.roots == 7  # distinct trees, as the prototype found
    assert made.trees.nodes[made.samples.tree].sum() == 313


@pytest.mark.parametrize("ratio", [0.05, 0.2, 0.6])
@pytest.mark.parametrize("method", ["mirage", "mirage-plus"])
def test_the_budget_holds(method, ratio):
    data = random_graph_data(22, graphs=60, labels=1, edge_labels=1)
    chosen = graph_method(method)
    settings = chosen.settings_class(hops=1, ratio=ratio)
    made = distil(chosen, settings, data, 0)
    assert 0 < made.stored_bytes <= ratio * graph_bytes(data).sum()
    assert made.facts.method == method and made.facts.hops == 1


@pytest.mark.parametrize("closed", [False, True])
def test_the_budget_is_filled_with_the_most_frequent(closed):
    data = random_graph_data(22, graphs=60, labels=1, edge_labels=1)
    method, budget = graph_method("mirage"), int(0.3 * graph_bytes(data).sum())
    made = distil(method, MirageSettings(hops=1, budget=budget, closed=closed), data, 0)
    assert (0.5 if closed else 0.9) * budget <= made.stored_bytes <= budget  # there are fewer closed ones in all
    for c in (0, 1):
        mine = found(made, data, c)
        threshold = min(mine.values())
        one = MirageSettings(hops=1, thresholds=f"{threshold},{threshold}", closed=closed)
        every = found(distil(method, one, data, 0), data, c)
        assert mine.items() <= every.items()
        assert {i: s for i, s in every.items() if s > threshold}.items() <= mine.items()


def test_a_level_of_too_many_itemsets_gives_its_shortest(monkeypatch):
    data = random_graph_data(22, graphs=60, labels=1, edge_labels=1)
    method, budget = graph_method("mirage"), int(0.3 * graph_bytes(data).sum())
    settings = MirageSettings(hops=1, budget=budget)
    free = distil(method, settings, data, 0)
    monkeypatch.setattr(mirage, "NEXT_SUPPORT", 1)
    capped = distil(method, settings, data, 0)
    for c in (0, 1):
        mine, every = found(capped, data, c), found(free, data, c)
        least = min(mine.values())
        one = found(distil(method, MirageSettings(hops=1, thresholds=f"{least},{least}"), data, 0), data, c)
        level = sorted(len(s) for s, support in one.items() if support == least)
        taken = sorted(len(s) for s, support in mine.items() if support == least)
        assert taken == level[: len(taken)]  # the shortest of that support
        assert least <= min(every.values()) + 1
    assert capped.stored_bytes >= 0.6 * free.stored_bytes


def test_a_larger_budget_is_no_smaller_a_set():
    data = random_graph_data(22, graphs=60, labels=1, edge_labels=1)
    budgets = range(60, 440, 60)
    made = [distil(graph_method("mirage"), MirageSettings(hops=1, budget=b), data, 0).stored_bytes for b in budgets]
    assert all(0.75 * budget <= size <= budget for size, budget in zip(made, budgets, strict=True))
    assert made == sorted(made)


def test_a_larger_budget_means_lower_thresholds():
    data = random_graph_data(22, graphs=60, labels=1, edge_labels=1)
    method = graph_method("mirage")
    small, large = (distil(method, MirageSettings(hops=1, ratio=ratio), data, 0) for ratio in (0.1, 0.6))
    for c in (0, 1):
        less, more = found(small, data, c), found(large, data, c)
        assert less.items() <= more.items()
        assert len(less) < len(more)


@pytest.mark.parametrize(
    "settings, line",
    [
        (
            MirageSettings(hops=2, budget=4),
            "class 'a' has no frequent itemset that fits its share, 2 bytes; raise method.ratio",
        ),
        (MirageSettings(hops=2, thresholds="3"), "must be 2 numbers of at least 1 joined by commas"),
        (MirageSettings(hops=2, thresholds="0,3"), "must be 2 numbers of at least 1 joined by commas"),
        (MirageSettings(hops=2, thresholds="3,3", budget=900), "both set the size of the set; keep one"),
        (MirageSettings(hops=2, thresholds="900,3"), "class 'a' has no frequent itemset; lower method.thresholds"),
    ],
)
def test_what_cannot_be_mined_is_one_line(settings, line):
    with pytest.raises(UsageError) as caught:
        distil(graph_method("mirage"), settings, random_graph_data(23, graphs=20), 0)
    assert line in str(caught.value) and "\n" not in str(caught.value)


def test_exact_colours_give_the_same_itemsets():
    data = random_graph_data(22, graphs=60, labels=1, edge_labels=1)
    hashed, exact = (
        distil(graph_method("mirage"), MirageSettings(hops=2, thresholds="9,9", exact=exact), data, 0)
        for exact in (False, True)
    )
    for c in (0, 1):
        assert found(hashed, data, c) == found(exact, data, c) != {}


def test_exact_colours_do_not_trust_the_hash(monkeypatch):
    """With a hash that takes all trees of a depth for one, the exact set is still right, and the hashed one is not."""
    from ddkit.methods import trees

    data = random_graph_data(22, graphs=60, labels=1, edge_labels=1)
    true = distil(graph_method("mirage"), MirageSettings(hops=1, thresholds="9,9"), data, 0)
    monkeypatch.setattr(trees, "refine", lambda a, label, hops: [np.zeros(len(label), np.uint64)] * (hops + 1))
    wrong, exact = (
        distil(graph_method("mirage"), MirageSettings(hops=1, thresholds="9,9", exact=exact), data, 0)
        for exact in (False, True)
    )
    assert found(wrong, data, 0) != found(true, data, 0) == found(exact, data, 0)
