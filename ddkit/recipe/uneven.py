"""Numbers of images that differ between classes, as a setting writes them: "share:0.01", or a table class = images."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, ClassVar

from ddkit.errors import UsageError, counted, nearest

SHARE = "share:"
"""How the text of a share begins."""

MOST_IMAGES = 2**31 - 1
"""The largest number of images of a class."""


@dataclass(frozen=True)
class Uneven(ABC):
    """A rule that gives the images of each class from the sizes of the classes. Its children are the two forms."""

    words: ClassVar[str] = '"share:F" with 0 < F <= 1, or a table class = images'
    """The allowed forms, for error lines."""

    @staticmethod
    def read(value: Any) -> Uneven | None:
        """The rule that a value of TOML stands for; None if it stands for none."""
        if isinstance(value, Uneven):
            return value
        if isinstance(value, str) and value.startswith(SHARE):
            try:
                share = float(value.removeprefix(SHARE))
            except ValueError:
                return None
            return Share(share) if 0 < share <= 1 else None
        if isinstance(value, dict) and value and all(map(_is_count, value.values())):
            return PerClass(tuple(sorted(value.items())))
        return None

    @property
    @abstractmethod
    def toml(self) -> str:
        """The value as TOML."""

    @property
    @abstractmethod
    def label(self) -> str:
        """The rule in a file's name."""

    @abstractmethod
    def counts(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """The images of each class of a set.

        Args:
            sizes: class -> real training images, in the order of the classes.

        Raises:
            UsageError: the rule does not fit these classes.
        """


@dataclass(frozen=True)
class Share(Uneven):
    """A share of the real training images of each class, rounded to the nearest number (halves up), at least one."""

    share: float

    def __str__(self) -> str:
        return f"{SHARE}{self.share!r}"

    @property
    def toml(self) -> str:
        return json.dumps(str(self))

    @property
    def label(self) -> str:
        return f"share{self.share!r}"

    def counts(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        exact = Decimal(repr(self.share))  # the number as it is written: 0.145 of 100 is 14.5, and rounds to 15
        return tuple(max(1, int((exact * size).to_integral_value(ROUND_HALF_UP))) for size in sizes.values())


@dataclass(frozen=True)
class PerClass(Uneven):
    """A number of images for every class, in the order of the names."""

    table: tuple[tuple[str, int], ...]

    def __str__(self) -> str:
        return self.toml

    @property
    def toml(self) -> str:
        return "{" + ", ".join(f"{json.dumps(name, ensure_ascii=False)} = {count}" for name, count in self.table) + "}"

    @property
    def label(self) -> str:
        return f"table{sum(count for _, count in self.table)}"

    def counts(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        named = dict(self.table)
        if unknown := [name for name in named if name not in sizes]:
            raise UsageError(f"key 'method.ipc': the data has no class '{unknown[0]}'; {nearest(unknown[0], sizes)}")
        if missing := [name for name in sizes if name not in named]:
            raise UsageError(
                f"key 'method.ipc': gives no number for {counted(len(missing), 'class', 'classes')} of {len(sizes)}, "
                f"the first is '{missing[0]}'; name every class of the data"
            )
        return tuple(named[name] for name in sizes)


def images_a_class(each: tuple[int, ...]) -> str:
    """The images of a class in words: "3", or "1 to 5" if classes differ."""
    low, high = min(each), max(each)
    return str(low) if low == high else f"{low} to {high}"


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_IMAGES
