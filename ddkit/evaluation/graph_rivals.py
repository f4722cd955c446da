"""Rivals of a distilled set of graphs: real graphs of the same weight in bytes, and what graph size alone can tell."""

import numpy as np
import torch

from ddkit.evaluation.graph_trainer import Verdict, verdict
from ddkit.graphs import GraphData, refine

Array = np.ndarray

BUCKETS = 512
"""Into so many buckets 1-hop colours fall for herding."""


def random_graphs(bytes_each: Array, y: Array, budget: int, generator: torch.Generator) -> Array:
    """A draw of graphs that weigh at most `budget` bytes together: one of each class, if the bytes allow it, and then
    from each class in turn whatever still fits."""
    return _fill([_shuffled(np.flatnonzero(y == c), generator) for c in np.unique(y)], bytes_each, budget)


def herding_graphs(data: GraphData, bytes_each: Array, budget: int) -> Array:
    """Graphs that weigh at most `budget` bytes together, taken as random ones are, but of each class the one that
    brings the mean histogram of 1-hop colours of those chosen nearest to the class's (Welling, ICML 2009)."""
    histogram = colour_histogram(data)
    # No class needs more than what its lightest graphs would be.
    most = int(np.searchsorted(np.cumsum(np.sort(bytes_each)), budget, side="right")) + 1
    orders = []
    for c in np.unique(data.y):
        members = np.flatnonzero(data.y == c)
        herded = members[herd(histogram[members], min(most, len(members)))]
        lightest = members[bytes_each[members].argmin()]  # for the case that no other fits
        orders.append(np.append(herded, np.setdiff1d([lightest], herded)))
    return _fill(orders, bytes_each, budget)


def herd(features: Array, count: int) -> Array:
    """`count` rows, greedily the one that brings the mean of those chosen nearest to the mean of all."""
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
    """The share of each graph's nodes whose 1-hop colour falls into each bucket, [N, BUCKETS]."""
    bucket = (refine(data.adjacency, data.node_label, 1)[1] % np.uint64(BUCKETS)).astype(np.int64)
    counts = np.bincount(data.graph_of_node * BUCKETS + bucket, minlength=len(data) * BUCKETS).reshape(-1, BUCKETS)
    shares: Array = counts / np.maximum(1, data.sizes)[:, None]
    return shares


def judge_by_size(train: GraphData, test: GraphData) -> Verdict:
    """Logistic regression on the logarithms of node and edge counts: what needs no graph at all."""
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
    """One of each list, then the next of each."""
    place = np.concatenate([np.arange(len(order)) for order in orders])
    return np.concatenate(orders)[np.argsort(place, kind="stable")]


def _fill(orders: list[Array], bytes_each: Array, budget: int) -> Array:
    """The first of each class's order that leaves room for the other classes' lightest, where all of these fit; then
    from each order in turn whatever fits."""
    chosen: list[int] = []
    left, lightest = budget, [int(bytes_each[order].min()) for order in orders]
    if (kept_free := sum(lightest)) <= budget:
        for order, least in zip(orders, lightest, strict=True):
            kept_free -= least
            chosen.append(int(order[np.argmax(bytes_each[order] <= left - kept_free)]))
            left -= int(bytes_each[chosen[-1]])
    for graph in _in_turn([order[~np.isin(order, chosen)] for order in orders]):
        if bytes_each[graph] <= left:
            chosen.append(int(graph))
            left -= int(bytes_each[graph])
    return np.sort(np.array(chosen, dtype=np.int64))
