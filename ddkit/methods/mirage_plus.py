"""mirage-plus: the common computation trees, each with what it says of the class, under a budget of bytes.

Mirage keeps which trees occur together, under the class of the graphs where they do. This keeps single trees with soft
labels. A linear model on the trees of all training graphs (`ddkit.methods.tree_scores`; no network is trained) gives
every vertex class scores whose mean over a graph's nodes are the graph's logits. The dictionary of trees is chosen
greedily: the tree that tells most vertices most about theirs for its bytes. A vertex is told by the dictionary's tree
that agrees with its own to the greatest depth (of several, the most common); a tree's label is the mean score of the
vertices that it tells, its weight their number. A network that fits these labels, with a mean readout and a linear
head, classifies whole graphs as the linear model does, so far as it generalises to trees that it never met.
"""

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from ddkit.methods.dictionary import dictionary_of, told_by
from ddkit.methods.graph_contract import GraphContext, GraphMethodSettings, refuse_budget
from ddkit.methods.tree_scores import tree_scores
from ddkit.methods.trees import Trees
from ddkit.recipe import setting
from ddkit.synth import GraphSet, Samples, in_255ths

Array = np.ndarray

AHEAD = 2
"""The dictionary is drawn up to so many budgets, as the bytes of trees are an estimate until they are put together."""

SMALLER = 20
"""Trees after the first that does not fit which are tried, as one of them may."""

HEAVIEST = 255
"""Weights are whole numbers from 1 to this, so that each takes a byte."""


@dataclass(frozen=True, kw_only=True)
class MiragePlusSettings(GraphMethodSettings):
    """Settings of mirage-plus."""

    name: ClassVar[str] = "mirage-plus"
    spread: float = setting(1.0, above=0, help="root mean square of the vertices' class scores before they are labels")


@final
class MiragePlus:
    """Single trees with soft labels."""

    settings_class = MiragePlusSettings

    def __init__(self, settings: MiragePlusSettings, context: GraphContext) -> None:
        self._settings, self._train = settings, context.train

    def distil(self) -> GraphSet:
        """The set. Nothing is drawn, so it does not depend on the seed.

        Raises:
            UsageError: a budget into which no tree fits.
        """
        settings, train = self._settings, self._train
        trees = Trees.of(train, settings)
        budget = settings.bytes_for(train)
        order = dictionary_of(trees, AHEAD * budget)
        scores = tree_scores(trees)
        if size := np.sqrt(np.square(scores).mean()):  # 0 where no tree tells classes apart: all are as likely then
            scores *= settings.spread / size
        made, low, high = None, 0, len(order) + 1  # bisection over the number of trees: bytes grow with it
        while high - low > 1:
            middle = (low + high) // 2
            tried = _labelled(settings, trees, order[:middle], scores)
            low, high, made = (middle, high, tried) if tried.stored_bytes <= budget else (low, middle, made)
        kept = order[:low]
        for tree in order[high : high + SMALLER]:
            tried = _labelled(settings, trees, np.append(kept, tree), scores)
            kept, made = (np.append(kept, tree), tried) if tried.stored_bytes <= budget else (kept, made)
        if made is None:
            raise refuse_budget(settings, budget, "not one tree fits")
        return made


def _labelled(settings: MiragePlusSettings, trees: Trees, kept: Array, scores: Array) -> GraphSet:
    """A sample for each tree, with the mean score of the vertices that it tells, in the order of the stored trees,
    which then need no numbers."""
    from scipy.special import softmax  # slow to import

    kept = np.sort(kept)
    told = told_by(trees, kept)
    number = np.bincount(told, minlength=len(kept))
    total = np.stack([np.bincount(told, column, len(kept)) for column in scores.T], 1)
    parts = in_255ths(softmax(total / np.maximum(1, number)[:, None], axis=1))
    samples = Samples(
        label=parts.argmax(1),
        support=np.maximum(1, np.round(HEAVIEST * number / number.max())).astype(np.int64),
        size=np.ones(len(kept), np.int64),
        tree=np.arange(len(kept)),
        soft=parts[:, :-1],
    )
    return trees.as_set(settings, kept, samples)
