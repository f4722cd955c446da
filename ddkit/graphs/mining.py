"""Frequent itemsets, exactly: Eclat (Zaki 2000) on Python integers as bitsets.

The miner of Mirage's code, pyfpgrowth, loses itemsets (209 of 249 on NCI1); this one is held against brute force.
"""

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
    database: Transactions, threshold: int, at_most: int | None = None, closed: bool = False
) -> list[Itemset] | None:
    """All sets of items that `threshold` transactions or more hold; the largest supports first, then the shortest sets.

    Args:
        threshold: at least 1.
        at_most: give up, and return None, as soon as there are more (their number may grow exponentially).
        closed: only those to which no item can be added without losing a transaction.
    """
    support = np.bincount(database.item)
    frequent = np.flatnonzero(support >= max(1, threshold))
    if at_most is not None and len(frequent) > at_most:
        return None
    bits = _bitsets(database, frequent[np.argsort(support[frequent], kind="stable")])
    found: list[tuple[tuple[int, ...], int]] = []
    stack: list[tuple[tuple[int, ...], list[tuple[int, int]]]] = [((), bits)]
    while stack:
        prefix, rest = stack.pop()
        for i, (item, mine) in enumerate(rest):
            items = (*prefix, item)
            found.append((items, mine))
            if at_most is not None and len(found) > at_most:
                return None
            longer = [(o, both) for o, theirs in rest[i + 1 :] if (both := mine & theirs).bit_count() >= threshold]
            if longer:
                stack.append((items, longer))
    if closed:
        found = _closed(found)
    sets = [Itemset(tuple(sorted(items)), held.bit_count()) for items, held in found]
    return sorted(sets, key=lambda s: (-s.support, len(s.items), s.items))


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


def _closed(found: list[tuple[tuple[int, ...], int]]) -> list[tuple[tuple[int, ...], int]]:
    """Of all frequent itemsets that are held by the same transactions, the longest, which is unique: their union."""
    longest: dict[int, tuple[int, ...]] = {}
    for items, held in found:
        if len(items) > len(longest.get(held, ())):
            longest[held] = items
    return [(items, held) for held, items in longest.items()]
