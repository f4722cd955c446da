"""The time of units on several workers: by hand, against every assignment, against Graham's bounds."""

from itertools import product

import numpy as np
import pytest

from ddkit.jobs.planning.makespan import makespan

DRAWS = [(seed, workers) for seed in range(8) for workers in (2, 3)]


def shortest(seconds: list[float], workers: int) -> float:
    """The shortest possible time: the best of all assignments of units to workers."""
    best = float("inf")
    for places in product(range(workers), repeat=len(seconds)):
        busy = [0.0] * workers
        for place, own in zip(places, seconds, strict=True):
            busy[place] += own
        best = min(best, max(busy))
    return best


def by_time(seconds: list[float], workers: int) -> float:
    """The time of units that begin in their order, found by looking at every second: units take whole seconds."""
    waiting, left, now = list(seconds), [0.0] * workers, 0
    while waiting or any(left):
        left = [rest or (waiting.pop(0) if waiting else 0.0) for rest in left]
        left = [max(0.0, rest - 1) for rest in left]
        now += 1
    return float(now)


@pytest.mark.parametrize(("workers", "seconds"), [(1, 23.0), (2, 12.0), (3, 9.0), (9, 9.0)])
def test_rows_side_by_side_take_as_long_as_the_busiest_worker(workers: int, seconds: float) -> None:
    assert makespan([3.0, 9.0, 4.0, 4.0, 3.0], workers) == seconds


def test_equal_units_take_whole_rounds() -> None:
    for units, workers in product(range(1, 20), range(1, 9)):
        assert makespan([2.0] * units, workers) == 2.0 * -(-units // workers)
    assert makespan([], 3) == 0.0


@pytest.mark.parametrize(("seed", "workers"), DRAWS)
def test_the_time_is_within_grahams_bounds_of_the_shortest(seed: int, workers: int) -> None:
    draw = np.random.default_rng(seed)
    seconds = [float(own) for own in draw.integers(1, 30, size=8)]
    best = shortest(seconds, workers)
    assert best <= makespan(seconds, workers) <= (4 / 3 - 1 / (3 * workers)) * best
    assert best <= makespan(seconds, workers, longest_first=False) <= (2 - 1 / workers) * best


def test_grahams_worst_case_is_reached() -> None:
    """Longest first on two workers: 3 3 2 2 2 takes 7 and not 6."""
    assert (makespan([3.0, 3.0, 2.0, 2.0, 2.0], 2), shortest([3.0, 3.0, 2.0, 2.0, 2.0], 2)) == (7, 6)
    assert 7 / 6 == pytest.approx(4 / 3 - 1 / 6)


@pytest.mark.parametrize(("seed", "workers"), DRAWS)
def test_units_begin_in_their_order_or_the_longest_first(seed: int, workers: int) -> None:
    seconds = [float(own) for own in np.random.default_rng(seed).integers(1, 30, size=12)]
    assert makespan(seconds, workers, longest_first=False) == by_time(seconds, workers)
    assert makespan(seconds, workers) == by_time(sorted(seconds, reverse=True), workers)
