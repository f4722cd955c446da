"""The seconds that the set of a run took."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Seconds:
    """The seconds of a run, over all of its processes.

    Attributes:
        condensing: of making the set, without experts and evaluation.
        experts: of training experts; None if the run trained none.
    """

    condensing: float
    experts: float | None = None


@dataclass(frozen=True)
class Spent:
    """The layout of a file with seconds of work that is not finished, or not of one set."""

    seconds: float
    experts: float | None = None
