"""Keys of scores in JSON: in score files, in sets, and in the tables that commands write.

Scores of images and of graphs have different keys since the first version.
"""

from dataclasses import dataclass

Fractions = tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class OfImages:
    """The score of networks trained on images."""

    name: str
    images: int
    accuracies: Fractions
    lr: float | None
    seconds: float
    validation: float | None = None
    size: int | None = None
    balanced: Fractions | None = None


@dataclass(frozen=True, kw_only=True)
class OfGraphs:
    """The score of networks trained on graphs."""

    name: str
    gnn: str
    size: int
    samples: int
    aucs: Fractions
    accuracies: Fractions
    seconds: float
    balanced: Fractions = ()
    """Empty in scores of the first version."""
