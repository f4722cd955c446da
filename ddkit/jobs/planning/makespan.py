"""The time of independent units of work on several workers: the critical path."""

from collections.abc import Sequence
from heapq import heapify, heapreplace


def makespan(seconds: Sequence[float], workers: int, longest_first: bool = True) -> float:
    """The time from the begin of the first unit to the end of the last.

    Each unit begins on the worker that is free first. With the longest unit first, the time is at most 4/3 - 1/(3
    workers) of the shortest possible one (Graham, 1969); in any order it is at most 2 - 1/workers of it.

    Args:
        seconds: of each unit.
        workers: units that run at the same time.
        longest_first: whether the longest unit begins first; else units begin in their order.

    Example:
        >>> makespan([1.0, 1.0, 2.0], 2), makespan([1.0, 1.0, 2.0], 2, longest_first=False)
        (2.0, 3.0)
    """
    free_at = [0.0] * workers
    heapify(free_at)
    for own in sorted(seconds, reverse=True) if longest_first else seconds:
        heapreplace(free_at, free_at[0] + own)
    return max(free_at)
