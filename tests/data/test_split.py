import pytest
import torch

from ddkit.data import split_validation
from ddkit.errors import DataError, UsageError

LABELS = torch.tensor([2] * 40 + [0] * 25 + [1] * 3 + [5] * 2)[
    torch.randperm(70, generator=torch.Generator().manual_seed(1))
]


def test_parts_are_disjoint_sorted_and_stratified() -> None:
    train, validation = split_validation(LABELS, 0.1, 0)
    assert torch.equal(torch.cat([train, validation]).sort().values, torch.arange(70))
    assert torch.equal(train, train.sort().values) and torch.equal(validation, validation.sort().values)
    counts = {label: int((LABELS[validation] == label).sum()) for label in (0, 1, 2, 5)}
    assert counts == {2: 4, 0: 2, 1: 1, 5: 1}  # round(0.1 n), at least one


def test_every_class_keeps_a_training_image() -> None:
    train, _ = split_validation(LABELS, 0.95, 0)
    assert set(LABELS[train].tolist()) == {0, 1, 2, 5}


def test_the_draw_depends_on_its_arguments_only() -> None:
    torch.manual_seed(1)
    before, state = split_validation(LABELS, 0.2, 3), torch.get_rng_state()
    torch.manual_seed(2)
    again = split_validation(LABELS, 0.2, 3)
    assert all(torch.equal(a, b) for a, b in zip(before, again, strict=True))
    torch.manual_seed(1)
    assert torch.equal(torch.get_rng_state(), state)  # and leaves the global generator alone
    assert not torch.equal(split_validation(LABELS, 0.2, 4)[1], before[1])


def test_every_image_is_equally_likely_to_be_held_out() -> None:
    labels, hits = torch.zeros(10, dtype=torch.int64), torch.zeros(10)
    for seed in range(2000):
        hits[split_validation(labels, 0.3, seed)[1]] += 1
    assert (hits / 2000 - 0.3).abs().max() < 5 * (0.3 * 0.7 / 2000) ** 0.5


def test_refusals() -> None:
    with pytest.raises(DataError, match="birds: a validation part needs at least 2 images in every class, class 1"):
        split_validation(torch.tensor([0, 0, 1]), 0.5, 0, "birds")
    with pytest.raises(UsageError, match="above 0 and below 1, got 1"):
        split_validation(LABELS, 1.0, 0)
