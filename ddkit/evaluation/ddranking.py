"""DD-Ranking's scores of a set, computed from accuracies: HLR, IOR, LRS and ARS (Li et al., 2025, arXiv:2505.13300).

- Hard-label recovery: HLR = whole - hard. `whole` is the accuracy of the whole real data and `hard` that of the set,
  both with class labels. Lower is better.
- Improvement over random: IOR = own - random, under the set's own training. `random` is random real images, as many as
  the set has.
- Label-robust score: LRS = m(w IOR - (1 - w) HLR) with m(a) = (e^a - e^-1) / (e - e^-1), which maps [-1, 1] to [0, 1].
- Augmentation-robust score: ARS = m(g (own - random) + (1 - g) (own - random, both without augmentation)).

All accuracies are fractions. DD-Ranking 0.2.0 feeds percentages into the exponential, so its LRS and ARS are other
numbers.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ddkit.errors import UsageError, nearest

DDRANKING = "ddranking"
"""The name by which `evaluate` and `compare` are asked for these scores."""

SCORES = (DDRANKING,)
"""Names of scores that `evaluate` and `compare` can add to a table."""

W = GAMMA = 0.5
"""DD-Ranking's weights of IOR in LRS, and of training with augmentation in ARS."""

WHOLE, HARD, OWN, RANDOM, PLAIN, PLAIN_RANDOM = "whole", "hard", "own", "random", "plain", "plain random"
"""Rows that the scores are computed from. "plain" means without augmentation."""

TITLES = {"hlr": "HLR %", "ior": "IOR %", "lrs": "LRS %", "ars": "ARS %"}
"""Scores, and their headings in tables."""

Accuracies = Mapping[str, tuple[float, ...]]
"""Row -> the accuracies of its networks, or the mean accuracies of its sets. Missing rows are left out."""

_SOURCES = {"set": (HARD, OWN, PLAIN), "random": (RANDOM, PLAIN_RANDOM), "whole": (WHOLE,)}
"""Rows whose networks begin with the same parameters, so that their accuracies are paired."""


def refuse_unknown_scores(scores: str) -> None:
    """Raise UsageError if there are no scores of that name; "" means none."""
    if scores and scores not in SCORES:
        raise UsageError(f"scores '{scores}' are unknown; {nearest(scores, SCORES)}")


def hard_label_recovery(whole: float, hard: float) -> float:
    """HLR, a fraction in [-1, 1]."""
    return _fraction(whole) - _fraction(hard)


def improvement_over_random(own: float, random: float) -> float:
    """IOR, a fraction in [-1, 1]."""
    return _fraction(own) - _fraction(random)


def robust(exponent: float) -> float:
    """m(a) = (e^a - e^-1) / (e - e^-1). It maps [-1, 1] to [0, 1], and 0 to 0.2689."""
    return (math.exp(exponent) - math.exp(-1)) / (math.e - math.exp(-1))


def label_robust_score(hlr: float, ior: float, w: float = W) -> float:
    """LRS, a fraction in [0, 1]. `w` is the weight of IOR.

    Example:
        >>> round(label_robust_score(hlr=0.283, ior=0.232), 4)
        0.2582
    """
    return robust(w * _fraction(ior, -1.0) - (1 - w) * _fraction(hlr, -1.0))


def augmentation_robust_score(augmented: float, plain: float, gamma: float = GAMMA) -> float:
    """ARS, a fraction in [0, 1], of IOR with augmentation and IOR without. `gamma` is the weight of the first."""
    return robust(gamma * _fraction(augmented, -1.0) + (1 - gamma) * _fraction(plain, -1.0))


@dataclass(frozen=True)
class Estimate:
    """A score with its 95 % interval, which is None if a row has a single accuracy. All are fractions."""

    value: float
    low: float | None
    high: float | None

    @property
    def half(self) -> float | None:
        """Half the width of the interval."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2


@dataclass(frozen=True)
class DDRanking:
    """DD-Ranking's scores of one set.

    Attributes:
        accuracies: what the scores are computed from.
        missing: score -> why it cannot be computed.
    """

    accuracies: Accuracies
    missing: Mapping[str, str]

    @property
    def hlr(self) -> Estimate | None:
        return self._estimate(_HLR)

    @property
    def ior(self) -> Estimate | None:
        return self._estimate(_IOR)

    @property
    def lrs(self) -> Estimate | None:
        return _mapped(self._estimate(_LRS))

    @property
    def ars(self) -> Estimate | None:
        return _mapped(self._estimate(_ARS))

    def of(self, score: str) -> Estimate | None:
        """The score of that name, a key of TITLES; None if it cannot be computed."""
        found: Estimate | None = getattr(self, score)
        return found

    def tables(self) -> dict[str, Any]:
        """Plain tables for JSON. All figures are fractions."""
        scores = {name: found and [found.value, found.low, found.high] for name in TITLES for found in [self.of(name)]}
        own = {"w": W, "gamma": GAMMA, "accuracies": {row: list(each) for row, each in self.accuracies.items()}}
        return scores | own | {"missing": dict(self.missing)}

    def _estimate(self, weights: Mapping[str, float]) -> Estimate | None:
        """The weighted sum of the rows' means; None if a row is missing."""
        if not weights.keys() <= self.accuracies.keys():
            return None
        parts = []
        for rows in _SOURCES.values():
            used = [(weights[row], self.accuracies[row]) for row in rows if row in weights]
            if used:
                columns = zip(*(values for _, values in used), strict=True)
                parts.append([sum(w * a for (w, _), a in zip(used, column, strict=True)) for column in columns])
        value = sum(sum(part) / len(part) for part in parts)
        half = _half_of_sum(parts)
        return Estimate(value, None, None) if half is None else Estimate(value, value - half, value + half)


_HLR = {WHOLE: 1.0, HARD: -1.0}
_IOR = {OWN: 1.0, RANDOM: -1.0}
_LRS = {row: W * _IOR.get(row, 0.0) - (1 - W) * _HLR.get(row, 0.0) for row in (*_HLR, *_IOR)}
_ARS = {OWN: GAMMA, RANDOM: -GAMMA, PLAIN: 1 - GAMMA, PLAIN_RANDOM: GAMMA - 1}


def _half_of_sum(parts: list[list[float]]) -> float | None:
    """Half the width of the 95 % interval of a sum of means of independent samples (Welch and Satterthwaite).

    None if a sample has a single value.
    """
    from statistics import variance

    from scipy.stats import t as student_t  # slow to import

    if min(map(len, parts)) < 2:
        return None
    squares = [(variance(part) / len(part), len(part) - 1) for part in parts]
    total = sum(square for square, _ in squares)
    if total == 0:
        return 0.0
    freedom = total**2 / sum(square**2 / n for square, n in squares)
    return float(student_t.ppf(0.975, freedom)) * math.sqrt(total)


def _mapped(found: Estimate | None) -> Estimate | None:
    """m of an estimate. m grows everywhere, so that it maps the ends of an interval to ends."""
    if found is None or found.low is None or found.high is None:
        return found and Estimate(robust(found.value), None, None)
    return Estimate(robust(found.value), robust(found.low), robust(found.high))


def _fraction(value: float, least: float = 0.0) -> float:
    """The value, if it is a fraction.

    Raises:
        UsageError: it is not, for example because it is a percentage.
    """
    if not least <= value <= 1:
        raise UsageError(f"DD-Ranking: needs fractions from {least:g} to 1, found {value:g}; divide percentages by 100")
    return value
