"""mirage-plus: common computation trees with soft labels, within a budget of bytes.

Mirage stores itemsets of trees with the class of their graphs. mirage-plus stores single trees with soft labels. It has
three steps:

1. A linear model on the trees of all training graphs (`tree_scores`) gives every vertex class scores. Their mean over
   the nodes of a graph is the graph's logits. No network is trained.
2. A dictionary of trees is selected greedily by gain per byte (`dictionary`).
3. Each vertex is assigned to the nearest tree of the dictionary, which agrees with its own to the greatest depth. A
   tree's label is the mean score of its vertices, and its weight is their number.

A network with a mean readout and a linear head that fits these labels classifies whole graphs as the linear model does,
as far as it generalises to trees outside the dictionary.
"""

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from ddkit.methods.dictionary import dictionary_of, nearest_trees
from ddkit.methods.graph_contract import GraphContext, GraphMethodSettings, refuse_budget
from ddkit.methods.tree_scores import tree_scores
from ddkit.methods.trees import Trees
from ddkit.recipe import setting
from ddkit.synth import GraphSet, Samples, in_255ths, probabilities

Array = np.ndarray

OVERSIZE = 2
"""Size of the dictionary in budgets. It exceeds 1, because the sizes of trees are estimates until they are stored."""

LAST_TRIES = 20
"""How many trees after the first that does not fit are tried too."""

MAX_WEIGHT = 255
"""Weights are whole numbers from 1 to this, so that each needs one byte."""


@dataclass(frozen=True, kw_only=True)
class MiragePlusSettings(GraphMethodSettings):
    """Settings of mirage-plus."""

    name: ClassVar[str] = "mirage-plus"
    spread: float = setting(1.0, above=0, help="root mean square to which the vertices' class scores are scaled")


@final
class MiragePlus:
    """Makes a set of single trees with soft labels."""

    settings_class = MiragePlusSettings

    def __init__(self, settings: MiragePlusSettings, context: GraphContext) -> None:
        self._settings, self._train = settings, context.train

    def distil(self) -> GraphSet:
        """Make the set. Nothing is drawn, so it does not depend on the seed.

        Raises:
            UsageError: no tree fits the budget.
        """
        settings, train = self._settings, self._train
        trees = Trees.of(train, settings)
        budget = settings.bytes_for(train)
        order = dictionary_of(trees, OVERSIZE * budget)
        scores = tree_scores(trees)
        if size := np.sqrt(np.square(scores).mean()):  # 0 if no tree distinguishes classes: all are equally likely
            scores *= settings.spread / size
        made, low, high = None, 0, len(order) + 1  # bisection over the number of trees; bytes grow with it
        while high - low > 1:
            middle = (low + high) // 2
            tried = _labelled(settings, trees, order[:middle], scores)
            low, high, made = (middle, high, tried) if tried.stored_bytes <= budget else (low, middle, made)
        kept = order[:low]
        for tree in order[high : high + LAST_TRIES]:
            tried = _labelled(settings, trees, np.append(kept, tree), scores)
            kept, made = (np.append(kept, tree), tried) if tried.stored_bytes <= budget else (kept, made)
        if made is None:
            raise refuse_budget(settings, budget, "not one tree fits")
        return made


def _labelled(settings: MiragePlusSettings, trees: Trees, kept: Array, scores: Array) -> GraphSet:
    """Return the set with a sample for each tree, labelled by the mean score of the vertices assigned to it.

    Samples are in the order of the stored trees, so that the numbers of their trees need no bytes.
    """
    from scipy.special import softmax  # slow to import

    kept = np.sort(kept)
    nearest = nearest_trees(trees, kept)
    number = np.bincount(nearest, minlength=len(kept))
    total = np.stack([np.bincount(nearest, column, len(kept)) for column in scores.T], 1)
    soft = in_255ths(softmax(total / np.maximum(1, number)[:, None], axis=1))[:, :-1]
    samples = Samples(
        label=probabilities(soft).argmax(1),  # as a reader finds it, where two classes are equally probable
        support=np.maximum(1, np.round(MAX_WEIGHT * number / number.max())).astype(np.int64),
        size=np.ones(len(kept), np.int64),
        tree=np.arange(len(kept)),
        soft=soft,
    )
    return trees.as_set(settings, kept, samples)
