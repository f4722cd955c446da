import numpy as np
import pytest
import torch
from sklearn.dummy import DummyClassifier
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from ddkit.evaluation.majority import (
    balanced_accuracy,
    majority_balanced,
    majority_class,
    majority_share,
    uneven,
)

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_shares_are_those_of_scikit_learns_dummy(classes: int) -> None:
    for _ in range(20):
        train = np.concatenate([np.arange(classes), RANDOM.integers(classes, size=15)])
        judged = RANDOM.integers(classes, size=12)
        named = DummyClassifier(strategy="most_frequent").fit(train[:, None], train).predict(judged[:, None])
        train_counts, judged_counts = (np.bincount(part, minlength=classes).tolist() for part in (train, judged))
        assert majority_class(train_counts) == named[0]
        assert majority_share(train_counts, judged_counts) == pytest.approx(accuracy_score(judged, named))
        there = judged_counts[int(named[0])] > 0
        expected = balanced_accuracy_score(judged, named) if there else 0.0
        assert majority_balanced(judged_counts, int(named[0])) == pytest.approx(expected)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_balanced_accuracy_is_scikit_learns() -> None:
    for _ in range(50):
        labels, named = RANDOM.integers(1, 6, size=30), RANDOM.integers(6, size=30)
        found = balanced_accuracy(torch.from_numpy(named), torch.from_numpy(labels))
        assert found == pytest.approx(balanced_accuracy_score(labels, named))


@pytest.mark.parametrize(
    ("counts", "expected"), [([10, 10], False), ([15, 10], False), ([16, 10], True), ([980, 1135, 892], False)]
)
def test_classes_are_uneven_above_one_and_a_half(counts: list[int], expected: bool) -> None:
    assert uneven(counts) is expected
