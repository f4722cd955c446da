"""Mirage: Model-Agnostic Graph Distillation for Graph Classification (Gupta, Manchanda et al., ICLR 2024).

A graph is represented by the set of its nodes' depth-L computation trees. For each class c, Mirage mines the sets of
trees (itemsets) that occur together in at least theta_c graphs of the class. Each frequent itemset is one sample of
class c; its weight is its support. No network is trained.

This implementation differs from the published code in five points. Trees are colours (see `ddkit.graphs.colours`).
Mining is exact. The number of classes is arbitrary. Samples are weighted by their supports in the loss, which is the
expectation of the published draw in proportion to the supports. A budget of bytes can replace the thresholds; the most
frequent itemsets fill it.
"""

from dataclasses import dataclass
from itertools import count
from typing import ClassVar, NamedTuple, final

import numpy as np

from ddkit.errors import UsageError, counted
from ddkit.graphs import GraphData, Itemset, Transactions, frequent_itemsets, transactions
from ddkit.methods.graph_contract import GraphContext, GraphMethodSettings, refuse_budget
from ddkit.methods.trees import Trees
from ddkit.recipe import setting
from ddkit.synth import GraphSet, Samples

Array = np.ndarray

NEXT_SUPPORT = 20_000
"""Maximum number of a class's itemsets when those of the next lower support are mined to fill a share."""

ROUNDS = 8
"""Number of shares that are tried. Classes stored together need fewer bytes than apart if they have trees in common,
and more if they need wider numbers."""

MAX_ITEMSETS = 1_000_000
"""Maximum number of a class's itemsets. The number grows exponentially as the threshold falls."""

GROWTH = 1.1
"""Smallest factor by which the share grows until a set does not fit."""

MIN_ITEMSET_BYTES = 4
"""Smallest size of an itemset: class, support, size and one tree."""


@dataclass(frozen=True, kw_only=True)
class MirageSettings(GraphMethodSettings):
    """Settings of Mirage."""

    name: ClassVar[str] = "mirage"
    thresholds: str = setting(
        "", help="least support of an itemset, for each class, as in 1800,115; empty: as low as the budget allows"
    )
    closed: bool = setting(False, help="only closed itemsets: adding any tree would reduce the support")


class ClassTrees(NamedTuple):
    """The transactions of one class. Item i stands for the tree trees[i]."""

    label: int
    database: Transactions
    trees: Array


@final
class Mirage:
    """Makes a set of frequent itemsets of computation trees."""

    settings_class = MirageSettings

    def __init__(self, settings: MirageSettings, context: GraphContext) -> None:
        self._settings, self._train = settings, context.train

    def distil(self) -> GraphSet:
        """Make the set. Nothing is drawn, so it does not depend on the seed.

        Raises:
            UsageError: thresholds are not one number for each class, a class has no frequent itemset, or none fits
                the budget.
        """
        settings, train = self._settings, self._train
        trees = Trees.of(train, settings)
        classes = [_class_trees(trees, c) for c in range(len(train.classes))]
        if settings.thresholds:
            if settings.budget is not None:
                raise UsageError(
                    "method 'mirage': method.thresholds and method.budget both set the size of the set; keep one"
                )
            thresholds = _parse(settings.thresholds, train)
            pairs = zip(classes, thresholds, strict=True)
            mined = [_mine(settings, own, threshold, MAX_ITEMSETS) for own, threshold in pairs]
            for own, one in zip(classes, mined, strict=True):
                if one is None:
                    name = train.classes[own.label]
                    raise UsageError(
                        f"method 'mirage': class '{name}' has over {MAX_ITEMSETS:,} itemsets; raise method.thresholds"
                    )
            return _assemble(settings, trees, mined)
        return _within(settings, trees, classes, settings.bytes_for(train))


def _within(settings: MirageSettings, trees: Trees, classes: list[ClassTrees], budget: int) -> GraphSet:
    """Return the largest set of at most `budget` bytes. All classes have the same share, found by bisection."""
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
    """The itemsets of a class. Items are trees, numbered over all classes."""

    label: int
    itemsets: list[Itemset]


def _class_trees(trees: Trees, c: int) -> ClassTrees:
    data = trees.data
    graphs = np.flatnonzero(data.y == c)
    members = data.y[data.graph_of_node] == c
    group = np.searchsorted(graphs, data.graph_of_node[members])
    found, item = np.unique(trees.tree[members], return_inverse=True)
    return ClassTrees(c, transactions(group, item, len(graphs)), found)


def _mine(
    settings: MirageSettings, own: ClassTrees, threshold: int, at_most: int | None = None, longest: int | None = None
) -> Mined | None:
    found = frequent_itemsets(own.database, threshold, at_most, settings.closed, longest)
    if found is None:
        return None
    return Mined(own.label, [Itemset(tuple(own.trees[list(s.items)].tolist()), s.support) for s in found])


def _fitting(settings: MirageSettings, trees: Trees, own: ClassTrees, share: int) -> Mined:
    """Return the most frequent itemsets that fit into `share` bytes. Of equal supports, shorter itemsets come first.

    These are all itemsets of the lowest threshold that fits, and as many of the next lower support as fit.
    """
    enough = share // MIN_ITEMSET_BYTES
    # Bisection: at threshold `low` there are more than `enough` itemsets (or it is 0), at `high` at most `enough`.
    low, high = 0, own.database.n + 1
    found = Mined(own.label, [])
    while high - low > 1:
        threshold = (low + high) // 2
        mined = _mine(settings, own, threshold, enough)
        low, high, found = (threshold, high, found) if mined is None else (low, threshold, mined)
    if low:
        found.itemsets.extend(
            s for s in _next(settings, own, low, max(NEXT_SUPPORT, enough)).itemsets if s.support == low
        )
    few, many = 0, min(len(found.itemsets), enough) + 1
    while many - few > 1:
        middle = (few + many) // 2
        size = _assemble(settings, trees, [Mined(own.label, found.itemsets[:middle])]).stored_bytes
        few, many = (middle, many) if size <= share else (few, middle)
    if not few:
        name = trees.data.classes[own.label]
        why = f"class '{name}' has no frequent itemset that fits its share, {counted(share, 'byte')}"
        raise refuse_budget(settings, settings.bytes_for(trees.data), why)
    return Mined(own.label, found.itemsets[:few])


def _next(settings: MirageSettings, own: ClassTrees, threshold: int, at_most: int) -> Mined:
    """Return the itemsets of a threshold.

    If there are more than `at_most`, return those up to the largest length at which there are not (at least 1).
    """
    found = _mine(settings, own, threshold, at_most)
    if found is not None:
        return found
    shorter = _mine(settings, own, threshold, longest=1)
    for longest in count(2):
        found = _mine(settings, own, threshold, at_most, longest)
        if found is None:
            break
        shorter = found
    assert shorter is not None  # without `at_most`, mining never stops early
    return shorter


def _assemble(settings: MirageSettings, trees: Trees, mined: list[Mined | None]) -> GraphSet:
    """Return the set with one sample for each itemset, class by class."""
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
