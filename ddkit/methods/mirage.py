"""Mirage: Model-Agnostic Graph Distillation for Graph Classification (Gupta, Manchanda et al., ICLR 2024).

A graph is the set of its nodes' depth-L computation trees. Of each class, the sets of trees that occur together in at
least theta_c of its graphs are mined; each such itemset is one sample, of that class, as heavy as its support. No
network is trained.

Ours differs from the published code in this: trees are colours (see `ddkit.graphs.colours`), mining is exact, there may
be any number of classes, the draw in proportion to the supports is replaced by their weight in the loss, whose
expectation it is; and instead of thresholds a budget of bytes may be given, which the most frequent itemsets fill.
"""

from dataclasses import dataclass
from itertools import count
from typing import ClassVar, NamedTuple, final

import numpy as np

from ddkit.errors import UsageError
from ddkit.graphs import GraphData, Itemset, Transactions, frequent_itemsets, transactions
from ddkit.methods.graph_contract import GraphContext, GraphMethodSettings, refuse_budget
from ddkit.methods.trees import Trees
from ddkit.recipe import setting
from ddkit.synth import GraphSet, Samples

Array = np.ndarray

SOME = 20_000
"""Itemsets of a class up to which those of the next lower support are looked at, to fill what is left of a share."""

ROUNDS = 8
"""Shares that are tried. Together classes take fewer bytes than apart where they have trees in common, and more where
they need wider numbers."""

MOST = 1_000_000
"""Itemsets of a class beyond which thresholds are taken for too low: their number grows exponentially."""

GROWTH = 1.1
"""Shares grow at least by this until one does not fit."""

LEAST = 4
"""Bytes that an itemset takes at least: class, support, size and one tree."""


@dataclass(frozen=True, kw_only=True)
class MirageSettings(GraphMethodSettings):
    """Settings of Mirage."""

    name: ClassVar[str] = "mirage"
    thresholds: str = setting(
        "", help="graphs of each class that must hold an itemset, as in 1800,115; empty: what the budget holds"
    )
    closed: bool = setting(False, help="only closed itemsets, those that no tree can join without losing a graph")


class ClassTrees(NamedTuple):
    """One class's transactions over `trees`: item i is the tree trees[i]."""

    label: int
    database: Transactions
    trees: Array


@final
class Mirage:
    """Frequent itemsets of computation trees."""

    settings_class = MirageSettings

    def __init__(self, settings: MirageSettings, context: GraphContext) -> None:
        self._settings, self._train = settings, context.train

    def distil(self) -> GraphSet:
        """The set. Nothing is drawn, so it does not depend on the seed.

        Raises:
            UsageError: thresholds that are not one number a class, no frequent itemset, or none that fits the budget.
        """
        settings, train = self._settings, self._train
        trees = Trees.of(train, settings)
        classes = [_class_trees(trees, c) for c in range(len(train.classes))]
        if settings.thresholds:
            if settings.budget is not None:
                raise UsageError(
                    "method 'mirage': method.thresholds and method.budget both say how large it is; keep one"
                )
            thresholds = _parse(settings.thresholds, train)
            mined = [_mine(settings, *one, MOST) for one in zip(classes, thresholds, strict=True)]
            for own, one in zip(classes, mined, strict=True):
                if one is None:
                    name = train.classes[own.label]
                    raise UsageError(
                        f"method 'mirage': class '{name}' has over {MOST:,} itemsets; raise method.thresholds"
                    )
            return _assemble(settings, trees, mined)
        return _within(settings, trees, classes, settings.bytes_for(train))


def _within(settings: MirageSettings, trees: Trees, classes: list[ClassTrees], budget: int) -> GraphSet:
    """The largest set found, by bisection over the classes' equal shares, that takes at most `budget` bytes."""
    best, fits, fails, share = None, 0.0, 0.0, budget / len(classes)
    for _ in range(ROUNDS):
        made = _assemble(settings, trees, [_fitting(settings, trees, own, int(share)) for own in classes])
        size = made.stored_bytes
        if size > budget:
            fails = share
        else:
            fits = share
            best = made if best is None or size > best.stored_bytes else best
        share = (fits + fails) / 2 if fails else share * max(GROWTH, budget / size)
    if best is None:
        raise refuse_budget(settings, budget, "the classes together need more")
    return best


class Mined(NamedTuple):
    """A class's itemsets, in which items are trees of all classes."""

    label: int
    itemsets: list[Itemset]


def _class_trees(trees: Trees, c: int) -> ClassTrees:
    data = trees.data
    graphs = np.flatnonzero(data.y == c)
    mine = data.y[data.graph_of_node] == c
    group = np.searchsorted(graphs, data.graph_of_node[mine])
    found, item = np.unique(trees.tree[mine], return_inverse=True)
    return ClassTrees(c, transactions(group, item, len(graphs)), found)


def _mine(
    settings: MirageSettings, own: ClassTrees, threshold: int, at_most: int | None = None, longest: int | None = None
) -> Mined | None:
    found = frequent_itemsets(own.database, threshold, at_most, settings.closed, longest)
    if found is None:
        return None
    return Mined(own.label, [Itemset(tuple(own.trees[list(s.items)].tolist()), s.support) for s in found])


def _fitting(settings: MirageSettings, trees: Trees, own: ClassTrees, share: int) -> Mined:
    """The most frequent itemsets (of equally frequent ones the shortest first) that fit into `share` bytes: those of a
    threshold, and as many of the next lower support as there is room for."""
    enough = share // LEAST
    low, high = 0, own.database.n + 1  # at `low` there are more than enough, or it is 0; from `high` on there are not
    found = Mined(own.label, [])
    while high - low > 1:
        threshold = (low + high) // 2
        mined = _mine(settings, own, threshold, enough)
        low, high, found = (threshold, high, found) if mined is None else (low, threshold, mined)
    if low:
        found.itemsets.extend(s for s in _next(settings, own, low, max(SOME, enough)).itemsets if s.support == low)
    few, many = 0, min(len(found.itemsets), enough) + 1
    while many - few > 1:
        middle = (few + many) // 2
        size = _assemble(settings, trees, [Mined(own.label, found.itemsets[:middle])]).stored_bytes
        few, many = (middle, many) if size <= share else (few, middle)
    if not few:
        name = trees.data.classes[own.label]
        raise refuse_budget(settings, share, f"class '{name}' has no frequent itemset in its share of the budget")
    return Mined(own.label, found.itemsets[:few])


def _next(settings: MirageSettings, own: ClassTrees, threshold: int, at_most: int) -> Mined:
    """The itemsets of a threshold; where there are more than `at_most`, only those up to a length: the longest one at
    which there are not, but at least 1."""
    found = _mine(settings, own, threshold, at_most)
    if found is not None:
        return found
    shorter = _mine(settings, own, threshold, longest=1)
    for longest in count(2):
        found = _mine(settings, own, threshold, at_most, longest)
        if found is None:
            break
        shorter = found
    assert shorter is not None  # without `at_most` nothing is given up
    return shorter


def _assemble(settings: MirageSettings, trees: Trees, mined: list[Mined | None]) -> GraphSet:
    """A sample for each itemset, class by class."""
    pairs = [(one.label, itemset) for one in mined if one is not None for itemset in one.itemsets]
    for one in mined:
        if one is not None and not one.itemsets:
            name = trees.data.classes[one.label]
            raise UsageError(f"method 'mirage': class '{name}' has no frequent itemset; lower method.thresholds")
    items = np.array([tree for _, itemset in pairs for tree in itemset.items], dtype=np.int64)
    kept, number = np.unique(items, return_inverse=True)
    samples = Samples(
        label=np.array([label for label, _ in pairs]),
        support=np.array([itemset.support for _, itemset in pairs]),
        size=np.array([len(itemset.items) for _, itemset in pairs]),
        tree=number,
    )
    return trees.as_set(settings, kept, samples)


def _parse(text: str, train: GraphData) -> list[int]:
    parts = text.split(",")
    if len(parts) != len(train.classes) or not all(part.strip().isdecimal() and int(part) for part in parts):
        raise UsageError(
            f"key 'method.thresholds': must be {len(train.classes)} numbers of at least 1 joined by commas, one for "
            f"each class, got {text!r}"
        )
    return [int(part) for part in parts]
