"""Class scores of each vertex's computation tree: a linear model on Weisfeiler and Leman's colours.

The features of a graph are the shares of its nodes that have each colour, at every depth from 0 to L (Shervashidze et
al. 2011, as means). Logistic regression on them is

    logits(graph) = b + sum over colours c of w_c share_c(graph) = mean over nodes v of s(v)
    s(v) = b + sum over depths l of w_{c_l(v)}

Hence a network with a mean readout and a linear head that gives s(v) to single trees gives exactly these logits to
whole graphs.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from ddkit.errors import UsageError
from ddkit.methods.trees import Trees

Array = np.ndarray

STRENGTHS = (0.01, 0.1, 1.0, 10.0, 100.0)
"""Inverse penalties. Cross-validation on the training graphs selects one."""

FOLDS = 3
SEEN = 2
"""A colour is a feature if at least this many graphs have it."""

ITERATIONS = 300


def tree_scores(trees: Trees) -> Array:
    """Return s(v) of every vertex for each class, centred over the classes, [V, K].

    Features are divided by the square root of their root mean square. This is a compromise: undivided, the penalty
    suppresses rare colours; divided by the root mean square, rare colours weigh as much as common ones.
    """
    data = trees.data
    parts = [_shares(trees, level) for level in trees.levels]
    features = sparse.hstack([shares for shares, _ in parts]).tocsr()
    scale = sparse.diags_array(np.asarray(features.multiply(features).mean(0)).ravel() ** -0.25)
    model = _fit(features @ scale, data.y, data.classes)
    weights, bias = model.coef_ @ scale, model.intercept_
    if len(bias) == 1:  # two classes have one row, the log odds of the second class
        weights, bias = np.concatenate([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    scores = np.tile(bias, (len(data.node_label), 1))
    for own in np.split(weights, np.cumsum([shares.shape[1] for shares, _ in parts])[:-1], axis=1):
        place = parts.pop(0)[1]
        seen = place >= 0
        scores[seen] += own[:, place[seen]].T
    centred: Array = scores - scores.mean(1, keepdims=True)
    return centred


def _shares(trees: Trees, level: Array) -> tuple[Any, Array]:
    """Return the share of each graph's nodes that have each colour [N, colours], and each vertex's column [V].

    The column is -1 where the vertex's colour is no feature.
    """
    data, graph = trees.data, trees.data.graph_of_node
    _, colour = np.unique(level, return_inverse=True)
    colours = int(colour.max()) + 1
    pairs = np.unique(graph * colours + colour)
    column = np.where(np.bincount(pairs % colours, minlength=colours) >= SEEN, 1, 0)
    column = np.where(column == 1, np.cumsum(column) - 1, -1)
    place = column[colour]
    seen = place >= 0
    entries = (1 / data.sizes[graph[seen]], (graph[seen], place[seen]))
    return sparse.coo_array(entries, shape=(len(data), int(column.max()) + 1)).tocsr(), place


def _fit(features: Any, y: Array, classes: Sequence[str]) -> Any:
    """Return the model with the penalty that has the lowest log loss on held-out folds."""
    from sklearn.linear_model import LogisticRegression  # slow to import
    from sklearn.model_selection import StratifiedKFold, cross_val_score

    count = np.bincount(y, minlength=len(classes))
    rarest = int(count.min())
    if rarest < 2 or not features.shape[1]:
        few = f"class '{classes[int(count.argmin())]}' has {'a single' if rarest else 'no'} training graph"
        what = few if rarest < 2 else f"no tree occurs in {SEEN} graphs"
        raise UsageError(f"method 'mirage-plus': {what}, so there is nothing to learn from; use mirage, or more graphs")
    folds = StratifiedKFold(min(FOLDS, rarest))
    models = [LogisticRegression(C=strength, max_iter=ITERATIONS) for strength in STRENGTHS]
    losses = [-cross_val_score(model, features, y, cv=folds, scoring="neg_log_loss").mean() for model in models]
    return models[int(np.argmin(losses))].fit(features, y)
