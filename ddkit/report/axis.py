"""Axes of charts: from a value to a place, with ticks at round numbers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

LARGEST = 1e300
"""Larger values are drawn at the border, because differences of larger values may be infinite."""


@dataclass(frozen=True)
class Axis:
    """An axis from `low` to `high` values, drawn from `begin` to `end`; `log` if it is logarithmic."""

    low: float
    high: float
    begin: float
    end: float
    log: bool = False

    @staticmethod
    def around(values: Sequence[float], begin: float, end: float, log: bool = False) -> "Axis":
        """The axis that holds all values, with some room at both ends."""
        low, high = max(min(values), -LARGEST), min(max(values), LARGEST)
        if log:
            return Axis(max(low / 1.3, 1 / LARGEST), high * 1.3, begin, end, True)
        room = 0.06 * (high - low)
        if room < 1 / LARGEST:
            room = max(1e-9, abs(high) * 0.05)
        return Axis(low - room, high + room, begin, end)

    def place(self, value: float) -> float:
        """Where a value is drawn. A value outside of the axis is drawn at its border."""
        low, high = self.low, self.high
        value = min(max(value, low), high)
        if self.log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return self.begin + (value - low) / (high - low) * (self.end - self.begin)

    def ticks(self) -> list[float]:
        """Three to seven round values on the axis."""
        if self.log and self.high / self.low >= 30:
            first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
            every = max(1, -(-(last - first) // 5))
            return [10.0**exponent for exponent in range(first, last + 1, every)]
        rough = (self.high - self.low) / 6
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next(factor * unit for factor in (1, 2, 5, 10) if factor * unit >= rough)
        return [step * i for i in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]


def short(value: float) -> str:
    """A number for a tick, such as 12, 0.05, 3k or 2M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"
