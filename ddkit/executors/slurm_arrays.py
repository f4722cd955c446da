"""Divide the units of a call of Slurm into job arrays, and the jobs at the same time among these."""


def arrays(units: int, most: int) -> list[range]:
    """The numbers of the units of each array: as few arrays as possible, which have every n-th unit each.

    So each has long units first if all units are in that order.

    Example:
        >>> arrays(5, 2)
        [range(0, 5, 3), range(1, 5, 3), range(2, 5, 3)]
    """
    count = -(-units // most)
    return [range(first, units, count) for first in range(count)]


def shares(workers: int, count: int) -> list[int]:
    """The jobs at the same time of each of `count` arrays, or of as many as get one; `workers` in all.

    Example:
        >>> shares(5, 3), shares(2, 3)
        ([2, 2, 1], [1, 1])
    """
    count = min(workers, count)
    return [(workers + count - 1 - place) // count for place in range(count)]
