"""DD-Ranking's formulas against their published worked example, and the intervals against SciPy's."""

import math

import numpy as np
import pytest
from scipy import stats

from ddkit.errors import UsageError
from ddkit.evaluation.ddranking import (
    DDRanking,
    augmentation_robust_score,
    hard_label_recovery,
    improvement_over_random,
    label_robust_score,
    robust,
)

EXAMPLE = {
    **{"whole": (0.848,), "hard": (0.565,), "own": (0.668,), "random": (0.436,)},
    **{"plain": (0.60,), "plain random": (0.40,)},
}


def test_the_worked_example() -> None:
    """Of DD-Ranking's README, with accuracies as fractions."""
    hlr, ior = hard_label_recovery(0.848, 0.565), improvement_over_random(0.668, 0.436)
    assert hlr == pytest.approx(0.283) and ior == pytest.approx(0.232)
    assert label_robust_score(hlr, ior) == pytest.approx(0.2582, abs=5e-5)
    assert augmentation_robust_score(ior, 0.60 - 0.40) == pytest.approx(0.3715, abs=5e-5)
    found = DDRanking(EXAMPLE, {})
    values = [found.of(name).value for name in ("hlr", "ior", "lrs", "ars")]  # type: ignore[union-attr]
    assert values == pytest.approx([0.283, 0.232, 0.2582, 0.3715], abs=5e-5)


def test_percentages_give_the_numbers_of_their_bug_and_are_refused() -> None:
    """DD-Ranking 0.2.0 prints -0.123 for the example, and 18.9 for HLR 16.6 % and IOR 24.2 %."""
    assert robust(0.5 * 23.2 - 0.5 * 28.3) == pytest.approx(-0.123, abs=5e-4)
    assert robust(0.5 * 24.2 - 0.5 * 16.6) == pytest.approx(18.9, abs=0.05)
    assert label_robust_score(0.166, 0.242) == pytest.approx(0.2854, abs=5e-5)
    for call in (
        lambda: hard_label_recovery(84.8, 56.5),
        lambda: improvement_over_random(66.8, 43.6),
        lambda: label_robust_score(28.3, 23.2),
        lambda: augmentation_robust_score(23.2, 20.0),
    ):
        with pytest.raises(UsageError, match=r"needs fractions .* divide percentages by 100"):
            call()


def test_the_map_ends_at_0_and_1() -> None:
    assert robust(-1.0) == 0 and robust(1.0) == 1 and robust(0.0) == pytest.approx(0.2689, abs=5e-5)


def test_intervals_are_welchs() -> None:
    """Networks of the whole data and of the set are independent."""
    draw = np.random.RandomState(0)
    whole, hard, random = (tuple(draw.uniform(0.3, 0.8, n).tolist()) for n in (5, 4, 3))
    found = DDRanking({"whole": whole, "hard": hard, "own": hard, "random": random}, {})
    for estimate, (first, second) in ((found.hlr, (whole, hard)), (found.ior, (hard, random))):
        expected = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
        assert estimate is not None and (estimate.low, estimate.high) == pytest.approx(tuple(expected))
    assert found.ars is None  # no row without augmentation


def test_networks_of_one_set_are_paired() -> None:
    """The rows of the set with and without augmentation train the same networks: their errors add up, or cancel."""
    draw = np.random.RandomState(1)
    own, plain = draw.uniform(0.4, 0.9, (2, 6))
    steady = dict.fromkeys(("random", "plain random"), (0.2,) * 6)
    found = DDRanking({"own": tuple(own), "plain": tuple(plain), **steady}, {}).ars
    half = stats.t.ppf(0.975, 5) * stats.sem((own + plain) / 2)
    middle = np.mean((own + plain) / 2) - 0.2
    assert found is not None and found.value == pytest.approx(robust(middle))
    assert (found.low, found.high) == pytest.approx((robust(middle - half), robust(middle + half)))
    # One row that is both `hard` and `own` enters LRS with the sum of its weights, 1.
    both = tuple(own.tolist())
    found = DDRanking({"whole": (0.9, 0.9), "hard": both, "own": both, "random": (0.2, 0.2)}, {}).lrs
    half = stats.t.ppf(0.975, 5) * stats.sem(own)
    middle = np.mean(own) - 0.5 * 0.2 - 0.5 * 0.9
    assert found is not None and (found.low, found.high) == pytest.approx(
        (robust(middle - half), robust(middle + half))
    )


def test_a_single_accuracy_has_no_interval_and_a_missing_row_no_score() -> None:
    found = DDRanking({"own": (0.5,), "random": (0.25,)}, {"hlr": "the row whole is missing"})
    assert found.ior is not None and found.ior.value == 0.25 and found.ior.half is None
    assert found.hlr is None and found.lrs is None and found.ars is None
    assert found.tables()["ior"] == [0.25, None, None] and found.tables()["hlr"] is None
    assert math.isclose(found.tables()["w"], 0.5)
