"""A third party's method for graphs: of each class the tree that most of its vertices have."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ddkit.methods import GraphContext, GraphMethodSettings
from ddkit.methods.trees import Trees
from ddkit.synth import GraphSet, Samples


@dataclass(frozen=True, kw_only=True)
class CommonSettings(GraphMethodSettings):
    """Settings of the most common trees."""

    name: ClassVar[str] = "toy-trees"


class CommonTrees:
    """One tree a class."""

    settings_class = CommonSettings

    def __init__(self, settings: CommonSettings, context: GraphContext) -> None:
        self._settings, self._train = settings, context.train

    def distil(self) -> GraphSet:
        trees, train = Trees.of(self._train, self._settings), self._train
        label_of_vertex = train.y[train.graph_of_node]
        counts = [np.bincount(trees.tree[label_of_vertex == c]) for c in range(len(train.classes))]
        chosen = np.array([count.argmax() for count in counts])
        kept, number = np.unique(chosen, return_inverse=True)
        samples = Samples(
            label=np.arange(len(chosen)),
            support=np.array([count.max() for count in counts]),
            size=np.ones(len(chosen), np.int64),
            tree=number,
        )
        return trees.as_set(self._settings, kept, samples)
