"""Exact mining of frequent itemsets: Eclat (Zaki 2000) with Python integers as bitsets.

Closed itemsets are mined as in LCM (Uno et al. 2004), without the other itemsets, whose number can be exponential in
that of the closed ones. The miner of Mirage's code, pyfpgrowth, misses itemsets (209 of 249 on NCI1). Tests compare
this miner with brute force.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

Array = np.ndarray


class Itemset(NamedTuple):
    """Items, ascending, and the number of transactions that contain all of them."""

    items: tuple[int, ...]
    support: int


class Transactions(NamedTuple):
    """n sets of items as (transaction, item) pairs, each pair once."""

    n: int
    transaction: Array
    item: Array


def transactions(group: Array, item: Array, n: int) -> Transactions:
    """Build transactions from (group, item) pairs, both int64 [m], with groups below n. Repeated pairs count once."""
    items = int(item.max(initial=0)) + 1
    packed = np.unique(group * items + item)
    return Transactions(n, packed // items, packed % items)


def frequent_itemsets(
    database: Transactions,
    threshold: int,
    at_most: int | None = None,
    closed: bool = False,
    longest: int | None = None,
) -> list[Itemset] | None:
    """Return all itemsets in at least `threshold` transactions, sorted by falling support, then by size.

    Args:
        threshold: at least 1.
        at_most: return None as soon as there are more itemsets (their number can grow exponentially).
        closed: only closed itemsets, for which adding any item reduces the support.
        longest: only itemsets of at most this many items.
    """
    support = np.bincount(database.item)
    frequent = np.flatnonzero(support >= max(1, threshold))
    if at_most is not None and len(frequent) > at_most and not closed:
        return None
    bits = _bitsets(database, frequent[np.argsort(support[frequent], kind="stable")])
    sets: list[Itemset] = []
    longest = len(frequent) if longest is None else longest
    for items, held in _all_closed(bits, threshold, longest, database.n) if closed else _all(bits, threshold, longest):
        sets.append(Itemset(tuple(sorted(items)), held.bit_count()))
        if at_most is not None and len(sets) > at_most:
            return None
    return sorted(sets, key=lambda s: (-s.support, len(s.items), s.items))


Held = tuple[tuple[int, ...], int]
"""Items, and the transactions that contain all of them, as bits."""


def _all(bits: list[tuple[int, int]], threshold: int, longest: int) -> Iterator[Held]:
    stack: list[tuple[tuple[int, ...], list[tuple[int, int]]]] = [((), bits)]
    while stack:
        prefix, rest = stack.pop()
        for i, (item, own) in enumerate(rest):
            items = (*prefix, item)
            yield items, own
            if len(items) == longest:
                continue
            longer = [(o, both) for o, other in rest[i + 1 :] if (both := own & other).bit_count() >= threshold]
            if longer:
                stack.append((items, longer))


def _all_closed(bits: list[tuple[int, int]], threshold: int, longest: int, n: int) -> Iterator[Held]:
    """Give each closed itemset once.

    A closed set is reached by adding one item to a smaller closed set, and then all items that every remaining
    transaction contains. If one of these comes before the added item, the set is reached from another closed set.
    """
    every = (1 << n) - 1
    stack = [(-1, every, {i for i, (_, other) in enumerate(bits) if other == every})]
    while stack:
        last, own, inside = stack.pop()
        if 0 < len(inside) <= longest and own.bit_count() >= threshold:
            yield tuple(bits[i][0] for i in inside), own
        for i in range(last + 1, len(bits)):
            both = own & bits[i][1]
            if i in inside or both.bit_count() < threshold:
                continue
            if any(both & bits[j][1] == both for j in range(i) if j not in inside):
                continue
            closure = {j for j, (_, other) in enumerate(bits) if both & other == both}
            if len(closure) <= longest:
                stack.append((i, both, closure))


def _bitsets(database: Transactions, items: Array) -> list[tuple[int, int]]:
    """Return (item, the transactions that contain it, as bits) of each item."""
    order = np.argsort(database.item, kind="stable")
    begin = np.searchsorted(database.item[order], items)
    end = np.searchsorted(database.item[order], items, side="right")
    found = []
    for item, b, e in zip(items.tolist(), begin, end, strict=True):
        held = np.zeros(database.n, np.uint8)
        held[database.transaction[order[b:e]]] = 1
        found.append((item, int.from_bytes(np.packbits(held, bitorder="little").tobytes(), "little")))
    return found
