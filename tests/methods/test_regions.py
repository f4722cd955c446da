"""FerKD's three regions on probabilities that are written down."""

import pytest
import torch

from ddkit.errors import UsageError
from ddkit.methods.regions import regions

SURE = [0.01, 0.2, 0.5, 0.9, 0.999]
"""What the teachers give an image's class; the other two classes share the rest."""


def example() -> tuple[torch.Tensor, torch.Tensor]:
    labels = torch.tensor([0, 1, 2, 0, 1])
    p = torch.stack([torch.full((3,), (1 - s) / 2).index_fill(0, c, s) for s, c in zip(SURE, labels, strict=True)])
    return p.log() + torch.arange(5.0)[:, None], labels  # a shift of all logits means nothing


def test_the_three_regions_by_hand() -> None:
    logits, labels = example()
    kept, found = regions(logits, labels, 20.0, "0.05, 0.3, 0.99")
    assert kept.tolist() == [False, True, True, True, False]  # wrong, hard, fitting, fitting, too easy
    hard = (found[1] / 20).softmax(0)  # as a trainer reads it
    assert hard.tolist() == pytest.approx([0.05, 0.9, 0.05], rel=1e-4)
    assert torch.equal(found[2:4], logits[2:4])


def test_the_whole_range_changes_nothing() -> None:
    logits, labels = example()
    kept, found = regions(logits, labels, 4.0, "0,0,1")
    assert kept.all() and torch.equal(found, logits)


def test_a_middle_at_the_top_names_all_by_their_class() -> None:
    logits, labels = example()
    kept, found = regions(logits, labels, 4.0, "0,1,1")
    assert kept.all() and torch.equal(found.argmax(1), labels)
    assert (found / 4).softmax(1).max(1).values.tolist() == pytest.approx([0.9] * 5, rel=1e-4)


@pytest.mark.parametrize("shares", ["", "0.5", "0.1,0.2", "0.1,0.2,0.3,0.4", "a,b,c", "0.3,0.2,0.9", "-1,0,1", "0,1,2",
                                    "nan,0.5,1"])  # fmt: skip
def test_shares_that_are_none_are_one_line(shares: str) -> None:
    with pytest.raises(UsageError, match="three shares LOW,MIDDLE,HIGH") as caught:
        regions(*example(), 4.0, shares)
    assert "\n" not in str(caught.value)


def test_regions_that_keep_nothing_are_one_line() -> None:
    with pytest.raises(UsageError, match="leaves no image"):
        regions(*example(), 4.0, "0.03,0.04,0.05")
