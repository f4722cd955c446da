"""Frequent itemsets, exactly: Eclat (Zaki 2000) on Python integers as bitsets.

Closed ones are found as by LCM (Uno et al. 2004), without all the others, whose number may be exponential in theirs.
The miner of Mirage's code, pyfpgrowth, loses itemsets (209 of 249 on NCI1); this one is held against brute force.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

Array = np.ndarray


class Itemset(NamedTuple):
    """Items, ascending, and the number of transactions that hold all of them."""

    items: tuple[int, ...]
    support: int


class Transactions(NamedTuple):
    """n sets of items as (transaction, item) pairs, each pair once."""

    n: int
    transaction: Array
    item: Array


def transactions(group: Array, item: Array, n: int) -> Transactions:
    """The distinct (group, item) pairs; both int64 [m], groups below n."""
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
    """All sets of items that `threshold` transactions or more hold; the largest supports first, then the shortest sets.

    Args:
        threshold: at least 1.
        at_most: give up, and return None, as soon as there are more (their number may grow exponentially).
        closed: only those to which no item can be added without losing a transaction.
        longest: only those of at most so many items.
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
"""Items, and the transactions that hold all of them, as bits."""


def _all(bits: list[tuple[int, int]], threshold: int, longest: int) -> Iterator[Held]:
    stack: list[tuple[tuple[int, ...], list[tuple[int, int]]]] = [((), bits)]
    while stack:
        prefix, rest = stack.pop()
        for i, (item, mine) in enumerate(rest):
            items = (*prefix, item)
            yield items, mine
            if len(items) == longest:
                continue
            longer = [(o, both) for o, theirs in rest[i + 1 :] if (both := mine & theirs).bit_count() >= threshold]
            if longer:
                stack.append((items, longer))


def _all_closed(bits: list[tuple[int, int]], threshold: int, longest: int, n: int) -> Iterator[Held]:
    """Each once: a closed set is reached by adding one item to a smaller closed set and then all items that come along,
    none of which may stand before the one that was added (else it is reached from elsewhere)."""
    every = (1 << n) - 1
    stack = [(-1, every, {i for i, (_, theirs) in enumerate(bits) if theirs == every})]
    while stack:
        last, mine, inside = stack.pop()
        if 0 < len(inside) <= longest and mine.bit_count() >= threshold:
            yield tuple(bits[i][0] for i in inside), mine
        for i in range(last + 1, len(bits)):
            both = mine & bits[i][1]
            if i in inside or both.bit_count() < threshold:
                continue
            if any(both & bits[j][1] == both for j in range(i) if j not in inside):
                continue
            closure = {j for j, (_, theirs) in enumerate(bits) if both & theirs == both}
            if len(closure) <= longest:
                stack.append((i, both, closure))


def _bitsets(database: Transactions, items: Array) -> list[tuple[int, int]]:
    """(item, the transactions that hold it, as bits)."""
    order = np.argsort(database.item, kind="stable")
    begin = np.searchsorted(database.item[order], items)
    end = np.searchsorted(database.item[order], items, side="right")
    found = []
    for item, b, e in zip(items.tolist(), begin, end, strict=True):
        held = np.zeros(database.n, np.uint8)
        held[database.transaction[order[b:e]]] = 1
        found.append((item, int.from_bytes(np.packbits(held, bitorder="little").tobytes(), "little")))
    return found
