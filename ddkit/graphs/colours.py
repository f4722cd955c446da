"""Computation trees as colours of Weisfeiler and Leman.

    c_0(v) = own label        c_l(v) = hash(own label, multiset of (edge label, c_{l-1}(u)) over the edges u -> v)

The depth-l computation tree of v has the root v; the children of every node are all its in-neighbours, including the
node's own parent. c_l(v) = c_l(w) if and only if the depth-l trees of v and w are isomorphic with equal labels and edge
labels. (By induction: a rooted tree is given by its root's label and the multiset of its subtrees, each with the label
of the edge to it.) Hence Mirage's trees cost O(L |E|) and are never built.
"""

import numpy as np

from ddkit.graphs.adjacency import Adjacency

Array = np.ndarray

_GOLDEN, _FIRST, _SECOND = (np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
_OWN, _EDGE = np.uint64(0xD1B54A32D192ED03), np.uint64(0x8CB92BA72F3D8DD7)


def refine(adjacency: Adjacency, label: Array, hops: int) -> list[Array]:
    """Return stable 64-bit colours uint64 [V] of the levels 0 to `hops`.

    They depend only on labels and structure, so colours agree between graphs that are coloured separately, in any order
    and on any machine. Two of n distinct trees share a colour with probability n^2 / 2^65: 3e-8 for a million.

    Args:
        label: int64 [V]; see `degree_labels` for trees that distinguish the true degrees of their leaves.
    """
    own = _mix(label.astype(np.uint64) * _GOLDEN + _OWN)
    edge = _mix(adjacency.label.astype(np.uint64) * _GOLDEN + _EDGE)
    levels = [own]
    for _ in range(hops):
        message = _mix(levels[-1][adjacency.source] ^ edge)
        levels.append(_mix(own * _FIRST + _sum(message, adjacency.begin)))
    return levels


def refine_exactly(adjacency: Adjacency, label: Array, hops: int) -> list[Array]:
    """Return exact colours int64 [V] of the levels 0 to `hops`, numbered from 0, by comparison instead of hashing.

    The elements of each node's multiset are processed in sorted order. Each distinct (prefix, element) pair gets a
    number, which is the next prefix. Two nodes have equal colours exactly if their trees are equal. The numbers have no
    meaning outside this call.
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
    """Return labels [V] of (label, true degree) pairs, which a degree-normalised GCN needs at the leaves."""
    pairs: Array = label * (1 << 32) + degree
    return pairs


def _mix(x: Array) -> Array:
    """Apply the finaliser of splitmix64, a bijection, in place."""
    x ^= x >> np.uint64(30)
    x *= _FIRST
    x ^= x >> np.uint64(27)
    x *= _SECOND
    x ^= x >> np.uint64(31)
    return x


def _sum(message: Array, begin: Array) -> Array:
    """Return sums [V] of consecutive runs, modulo 2^64; runs may be empty."""
    total = np.zeros(len(message) + 1, np.uint64)
    np.cumsum(message, out=total[1:])
    sums: Array = total[begin[1:]] - total[begin[:-1]]
    return sums


def _pairs(one: Array, other: Array) -> Array:
    """Number the distinct pairs from 0."""
    other = np.unique(other, return_inverse=True)[1]
    return np.unique(one * (other.max(initial=0) + 1) + other, return_inverse=True)[1]
