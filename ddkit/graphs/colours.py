"""Computation trees as colours of Weisfeiler and Leman.

    c_0(v) = own label        c_l(v) = hash(own label, multiset of (edge label, c_{l-1}(u)) over the edges u -> v)

c_l(v) = c_l(w) exactly where the depth-l computation trees of v and w (roots v and w; every node has its in-neighbours
as children, the one it came from too) are isomorphic, labels and edge labels respected: by induction, a rooted tree is
its root's label and the multiset of its subtrees, each with the edge that leads to it. Hence Mirage's trees cost
O(L |E|) and are never built.
"""

import numpy as np

from ddkit.graphs.adjacency import Adjacency

Array = np.ndarray

_GOLDEN, _FIRST, _SECOND = (np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
_OWN, _EDGE = np.uint64(0xD1B54A32D192ED03), np.uint64(0x8CB92BA72F3D8DD7)


def refine(adjacency: Adjacency, label: Array, hops: int) -> list[Array]:
    """Stable 64-bit colours uint64 [V] of the levels 0 to `hops`.

    They depend on labels and structure alone, so graphs may be coloured apart, in any order and on any machine, and
    their colours agree. Two distinct trees out of n share a colour with probability n^2 / 2^65: 3e-8 for a million.

    Args:
        label: int64 [V]; see `degree_labels` for trees that know the true degrees of their leaves.
    """
    own = _mix(label.astype(np.uint64) * _GOLDEN + _OWN)
    edge = _mix(adjacency.label.astype(np.uint64) * _GOLDEN + _EDGE)
    levels = [own]
    for _ in range(hops):
        message = _mix(levels[-1][adjacency.source] ^ edge)
        levels.append(_mix(own * _FIRST + _sum(message, adjacency.begin)))
    return levels


def refine_exactly(adjacency: Adjacency, label: Array, hops: int) -> list[Array]:
    """Colours int64 [V] of the levels 0 to `hops`, numbered from 0, by comparison instead of hashing.

    Each node's multiset is folded, element after element in sorted order, through numbers that stand for the distinct
    (prefix, element) pairs. The partition is that of the trees without doubt; numbers mean nothing outside this call.
    """
    degree = np.diff(adjacency.begin)
    target = np.repeat(np.arange(len(label)), degree)
    own = np.unique(label, return_inverse=True)[1]
    levels = [own]
    for _ in range(hops):
        element = _pairs(levels[-1][adjacency.source], adjacency.label)
        element = element[np.lexsort((element, target))]
        prefix = own.copy()
        for rank in range(int(degree.max(initial=0))):
            nodes = np.flatnonzero(degree > rank)
            prefix[nodes] = _pairs(prefix[nodes], element[adjacency.begin[nodes] + rank])
        levels.append(_pairs(prefix, degree))
    return levels


def degree_labels(label: Array, degree: Array) -> Array:
    """Labels [V] of (label, true degree) pairs: what a degree-normalised GCN needs to know of a leaf."""
    pairs: Array = label * (1 << 32) + degree
    return pairs


def _mix(x: Array) -> Array:
    """The finaliser of splitmix64, a bijection; works in place on its argument."""
    x ^= x >> np.uint64(30)
    x *= _FIRST
    x ^= x >> np.uint64(27)
    x *= _SECOND
    x ^= x >> np.uint64(31)
    return x


def _sum(message: Array, begin: Array) -> Array:
    """Sums [V] of consecutive runs, modulo 2^64; runs may be empty."""
    total = np.zeros(len(message) + 1, np.uint64)
    np.cumsum(message, out=total[1:])
    sums: Array = total[begin[1:]] - total[begin[:-1]]
    return sums


def _pairs(one: Array, other: Array) -> Array:
    """Numbers from 0 for the distinct pairs."""
    other = np.unique(other, return_inverse=True)[1]
    return np.unique(one * (other.max(initial=0) + 1) + other, return_inverse=True)[1]
