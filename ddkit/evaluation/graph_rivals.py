"""Rivals of a distilled set of graphs: real graphs of as many bytes, and a classifier on graph sizes alone."""

import numpy as np
import torch

from ddkit.evaluation.graph_trainer import Verdict, verdict
from ddkit.graphs import GraphData, refine

Array = np.ndarray

BUCKETS = 512
"""Number of buckets for 1-hop colours in herding."""


def random_graphs(bytes_each: Array, y: Array, budget: int, generator: torch.Generator) -> Array:
    """Indices of random graphs of at most `budget` bytes in total.

    If the bytes allow it, there is one graph of each class. The other graphs are drawn from the classes in turn as long
    as one fits.
    """
    return _fill([_shuffled(np.flatnonzero(y == c), generator) for c in np.unique(y)], bytes_each, budget)


def herding_graphs(data: GraphData, bytes_each: Array, budget: int) -> Array:
    """Indices of graphs of at most `budget` bytes in total, chosen by herding (Welling, ICML 2009).

    Classes take turns as in `random_graphs`. The next graph of a class is the one that brings the mean histogram of
    1-hop colours of the chosen graphs nearest to the mean of the class.
    """
    histogram = colour_histogram(data)
    # An upper bound of the number of graphs that fit.
    most = int(np.searchsorted(np.cumsum(np.sort(bytes_each)), budget, side="right")) + 1
    orders = []
    for c in np.unique(data.y):
        members = np.flatnonzero(data.y == c)
        herded = members[herd(histogram[members], min(most, len(members)))]
        lightest = members[bytes_each[members].argmin()]  # if no other graph fits
        orders.append(np.append(herded, np.setdiff1d([lightest], herded)))
    return _fill(orders, bytes_each, budget)


def herd(features: Array, count: int) -> Array:
    """Indices of `count` rows. Each is the row that brings the mean of the chosen rows nearest to the mean of all."""
    target, total, chosen = features.mean(0), np.zeros(features.shape[1]), []
    free = np.ones(len(features), bool)
    for n in range(1, count + 1):
        # |(total + f) / n - target|^2 without its constant part
        gap = total - n * target
        distance = np.where(free, 2 * features @ gap + (features**2).sum(1), np.inf)
        chosen.append(int(distance.argmin()))
        free[chosen[-1]] = False
        total = total + features[chosen[-1]]
    return np.array(chosen, dtype=np.int64)


def colour_histogram(data: GraphData) -> Array:
    """The share of each graph's nodes with a 1-hop colour in each bucket, [N, BUCKETS]."""
    bucket = (refine(data.adjacency, data.node_label, 1)[1] % np.uint64(BUCKETS)).astype(np.int64)
    counts = np.bincount(data.graph_of_node * BUCKETS + bucket, minlength=len(data) * BUCKETS).reshape(-1, BUCKETS)
    shares: Array = counts / np.maximum(1, data.sizes)[:, None]
    return shares


def judge_by_size(train: GraphData, test: GraphData) -> Verdict:
    """The verdict on a logistic regression with two features, the logarithms of node and edge counts."""
    from sklearn.linear_model import LogisticRegression  # slow to import
    from sklearn.preprocessing import StandardScaler

    scale = StandardScaler().fit(_sizes(train))
    model = LogisticRegression(max_iter=1000).fit(scale.transform(_sizes(train)), train.y)
    return verdict(model.predict_proba(scale.transform(_sizes(test))), test.y)


def _sizes(data: GraphData) -> Array:
    logarithms: Array = np.log1p(np.stack([data.sizes, data.edge_counts], 1))
    return logarithms


def _shuffled(members: Array, generator: torch.Generator) -> Array:
    shuffled: Array = members[torch.randperm(len(members), generator=generator).numpy()]
    return shuffled


def _in_turn(orders: list[Array]) -> Array:
    """The first of each list, then the second of each list, and so on."""
    place = np.concatenate([np.arange(len(order)) for order in orders])
    return np.concatenate(orders)[np.argsort(place, kind="stable")]


def _fill(orders: list[Array], bytes_each: Array, budget: int) -> Array:
    """Indices of graphs of at most `budget` bytes, given the order of each class.

    If the lightest graphs of all classes fit together, the first graphs are one of each class: the first in its order
    that leaves bytes for the lightest graphs of the remaining classes. Then the classes take turns as long as one fits.
    """
    chosen: list[int] = []
    left, lightest = budget, [int(bytes_each[order].min()) for order in orders]
    if (reserved := sum(lightest)) <= budget:
        for order, least in zip(orders, lightest, strict=True):
            reserved -= least
            chosen.append(int(order[np.argmax(bytes_each[order] <= left - reserved)]))
            left -= int(bytes_each[chosen[-1]])
    for graph in _in_turn([order[~np.isin(order, chosen)] for order in orders]):
        if bytes_each[graph] <= left:
            chosen.append(int(graph))
            left -= int(bytes_each[graph])
    return np.sort(np.array(chosen, dtype=np.int64))
