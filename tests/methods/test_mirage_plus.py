"""mirage-plus: scores of the linear model, labels, and the nearest trees of a vertex, by the depth of agreement."""

import dataclasses

import numpy as np
import pytest
from random_graphs import distil, random_graph_data, tree_text

from ddkit.errors import UsageError
from ddkit.methods import graph_method, mirage_plus
from ddkit.methods.dictionary import dictionary_of, nearest_trees
from ddkit.methods.mirage_plus import MiragePlusSettings
from ddkit.methods.tree_scores import tree_scores
from ddkit.methods.trees import Trees
from ddkit.synth import in_255ths, read_graph_set, write_graph_set

SETTINGS = MiragePlusSettings(hops=2, ratio=0.5)
BUDGETS = (40, 64, 136, 232, 376)


@pytest.fixture(scope="module")
def trees() -> Trees:
    return Trees.of(random_graph_data(31, graphs=60), SETTINGS)


def test_scores_are_a_function_of_the_tree(trees):
    scores = tree_scores(trees)
    assert scores.shape == (len(trees.tree), 2) and np.allclose(scores.sum(1), 0)
    for tree in range(len(trees.vertex)):
        assert np.ptp(scores[trees.tree == tree], axis=0).max() < 1e-12


def test_mean_scores_tell_classes_apart_where_a_label_does():
    """Graphs of class b have one more label: the model must find it, with the right sign."""
    data = random_graph_data(32, graphs=80, labels=1)
    label = data.node_label.copy()
    label[data.offset[:-1]] = data.y  # the first node of each graph is labelled by the class
    object.__setattr__(data, "node_label", label)
    scores = tree_scores(Trees.of(data, MiragePlusSettings(hops=1)))
    mean = np.bincount(data.graph_of_node, scores[:, 1], len(data)) / data.sizes
    assert ((mean > 0) == (data.y == 1)).mean() > 0.9


def test_a_vertex_is_told_by_the_deepest_agreement(trees):
    kept = dictionary_of(trees, 60)
    assert 1 < len(kept) < len(trees.vertex)
    nearest = nearest_trees(trees, kept)
    texts = [[tree_text(trees.data, v, depth) for v in range(len(trees.tree))] for depth in range(3)]

    def agreement(one: int, other: int) -> int:
        return max((depth for depth in range(3) if texts[depth][one] == texts[depth][other]), default=-1)

    for v in range(len(trees.tree)):
        depths = [agreement(v, int(trees.vertex[tree])) for tree in kept]
        assert depths[nearest[v]] == max(depths)


@pytest.mark.parametrize("tie", [(73, 91, 91), (91, 73, 91), (85, 85, 85), (100, 100, 55)])
def test_a_tree_whose_classes_are_equally_probable_has_the_label_that_a_reader_finds(tie, tmp_path, monkeypatch):
    """The last probability is 1 less the others, which rounds."""
    data = random_graph_data(34, graphs=60)
    object.__setattr__(data, "classes", ("a", "b", "c"))
    object.__setattr__(data, "y", np.arange(60) % 3)
    monkeypatch.setattr(mirage_plus, "in_255ths", lambda p: np.tile(np.array(tie), (len(p), 1)))
    made = distil(graph_method("mirage-plus"), SETTINGS, data)
    write_graph_set(made, tmp_path / "set.h5")
    assert read_graph_set(tmp_path / "set.h5").digest == made.digest


def test_labels_are_the_mean_scores_of_the_vertices_told(monkeypatch):
    data = random_graph_data(33, graphs=60)
    monkeypatch.setattr(mirage_plus, "LAST_TRIES", 0)  # so that the set is the dictionary's first trees
    made = distil(graph_method("mirage-plus"), SETTINGS, data, 0)
    trees = Trees.of(data, SETTINGS)
    scores = tree_scores(trees)
    scores *= SETTINGS.spread / np.sqrt(np.square(scores).mean())
    kept = np.sort(dictionary_of(trees, SETTINGS.bytes_for(data))[: len(made)])
    nearest = nearest_trees(trees, kept)
    found = made.samples.probabilities
    for sample in range(len(made)):
        if (nearest == sample).any():
            odds = np.exp(scores[nearest == sample].mean(0))
            assert np.abs(found[sample] - odds / odds.sum()).max() <= 1 / 255 + 1e-9
    assert np.allclose(found.sum(1), 1) and made.samples.support.max() == 255 and made.samples.support.min() >= 1


def test_the_dictionary_begins_with_what_tells_most(trees):
    """The first tree is that of the best ratio, by brute force over all."""

    def ratio(tree: int) -> float:
        v = int(trees.vertex[tree])
        nearest = sum((level == level[v]).sum() for level in trees.levels)
        cost, below = 2, {v}  # its sample: a weight, and one class's probability
        for depth in (2, 1, 0):
            for colour in {int(trees.levels[depth][w]) for w in below}:
                w = next(w for w in below if trees.levels[depth][w] == colour)
                children = trees.data.edge[0, trees.data.edge[1] == w]
                cost += 2 + 3 * len(set(trees.levels[depth - 1][children].tolist())) if depth else 1
            below = {int(u) for w in below for u in trees.data.edge[0, trees.data.edge[1] == w]}
        return nearest / cost

    best = max(range(len(trees.vertex)), key=ratio)
    first = int(dictionary_of(trees, 1000)[0])
    assert ratio(first) == pytest.approx(ratio(best))


def test_too_small_a_budget_is_one_line():
    with pytest.raises(UsageError, match="a budget of 2 bytes is too small: not one tree fits"):
        distil(graph_method("mirage-plus"), MiragePlusSettings(budget=2), random_graph_data(33, graphs=60), 0)


def test_an_unknown_method_is_one_line():
    with pytest.raises(UsageError, match="did you mean mirage"):
        graph_method("mirag")


def test_parts_sum_to_the_whole_and_none_is_off_by_a_part():
    probability = np.random.default_rng(0).dirichlet(np.ones(10), 50)
    parts = in_255ths(probability)
    assert (parts.sum(1) == 255).all() and (parts >= 0).all()
    assert np.abs(parts - 255 * probability).max() < 1
    assert np.abs(parts.mean(0) / 255 - probability.mean(0)).max() < 3e-3  # no class is given what others lost


def test_labels_stay_probabilities_however_far_scores_are_spread():
    method = graph_method("mirage-plus")
    made = distil(method, dataclasses.replace(SETTINGS, spread=2000.0), random_graph_data(33, graphs=60), 0)
    found = made.samples.probabilities
    assert np.allclose(found.sum(1), 1) and found.min() >= 0
    assert np.array_equal(made.samples.label, found.argmax(1))


@pytest.mark.parametrize(("kept", "words"), [(1, "a single"), (0, "no")])
@pytest.mark.parametrize("rare", [0, 1])
def test_a_class_of_one_training_graph_or_none_is_one_line(rare, kept, words):
    data = random_graph_data(33, graphs=60)
    few = data.subset(np.concatenate([np.flatnonzero(data.y != rare), np.flatnonzero(data.y == rare)[:kept]]))
    with pytest.raises(UsageError, match=f"class '{'ab'[rare]}' has {words} training graph, so there is nothing to"):
        distil(graph_method("mirage-plus"), SETTINGS, few, 0)


def test_the_dictionary_counts_what_is_stored():
    """A tree's bytes are those by which the set grows: with its sample, so that what is bought fits as planned."""
    data = random_graph_data(34, graphs=200, nodes=5)
    settings = MiragePlusSettings(hops=1, budget=300)
    bought = dictionary_of(Trees.of(data, settings), 300)
    made = distil(graph_method("mirage-plus"), settings, data, 0)
    assert abs(len(bought) - len(made)) <= 0.1 * len(made)
    assert np.array_equal(made.samples.tree, np.arange(len(made)))  # free: see `stored_bytes`


def test_a_larger_budget_is_no_smaller_a_set_and_is_filled():
    data = random_graph_data(33, graphs=60, edge_labels=1)
    sizes = [
        distil(graph_method("mirage-plus"), MiragePlusSettings(hops=2, budget=budget), data, 0).stored_bytes
        for budget in BUDGETS
    ]
    for size, budget in zip(sizes, BUDGETS, strict=True):
        assert 0.9 * budget - 10 <= size <= budget
    assert sizes == sorted(sizes)
