"""Labels of releases: classes of any type, probabilities, logits and targets of a regression."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from ddkit.errors import DataError
from ddkit.randomness import stream
from ddkit.releases import class_order, read_labels

CLASSES = torch.tensor([0, 1, 2, 2, 1, 0])


@pytest.mark.parametrize(
    "labels", [CLASSES, CLASSES.float(), CLASSES[:, None], CLASSES.byte(), CLASSES.double()[:, None]]
)
def test_classes_of_any_type(labels: Tensor) -> None:
    read = read_labels(labels, None, 6, 3, "here")
    assert read.classes.tolist() == CLASSES.tolist() and read.classes.dtype == torch.int64 and read.soft is None


def test_soft_labels_are_told_apart() -> None:
    logits = 4 * one_hot(CLASSES, 3) + torch.randn(6, 3, generator=stream(0, "logits"))
    for soft, is_logits, note in (
        (logits, True, "logits"),
        (logits.softmax(1), False, "probabilities"),
        (logits - logits.mean(1, keepdim=True), True, "logits"),  # rows sum to 0, but they are large
    ):
        read = read_labels(soft, None, 6, 3, "here")
        assert read.classes.tolist() == CLASSES.tolist() and read.soft is not None
        assert (torch.equal(read.soft, soft), read.logits, read.note) == (True, is_logits, f"labels: {note}")
    targets = read_labels(one_hot(CLASSES, 3) - 1 / 3, None, 6, 3, "here")
    assert (
        targets.soft is None
        and targets.classes.tolist() == CLASSES.tolist()
        and "targets of a regression" in targets.note
    )


def test_soft_labels_beside_classes_keep_the_classes() -> None:
    other = one_hot((CLASSES + 1) % 3, 3).float()
    read = read_labels(CLASSES, other, 6, 3, "here")
    assert read.classes.tolist() == CLASSES.tolist() and read.soft is not None and torch.equal(read.soft, other)


def test_learned_labels_that_left_their_class() -> None:
    soft = one_hot(torch.tensor([0, 0, 1, 1, 2, 0]), 3).float()
    read = read_labels(soft, None, 6, 3, "here")
    assert read.classes.tolist() == [0, 0, 1, 1, 2, 2] and "though 1 soft labels are largest elsewhere" in read.note


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (CLASSES[:5], "has 6 images but 5 labels"),
        (CLASSES + 1, "has labels 1 to 3, but the data has 3 classes"),
        (CLASSES - 1, "has labels -1 to 1"),
        (CLASSES.clamp(max=1), "has images of 2 of the data's 3 classes"),
        (torch.tensor([0, 0, 0, 1, 2, 2]), "have between 1 and 3 images"),
        (CLASSES + 0.5, "must be whole numbers"),
        (torch.zeros(6, 4), r"soft labels are \[6, 4\]"),
        (torch.full((6, 3), torch.inf), "not finite"),
    ],
)
def test_other_labels_are_refused(labels: Tensor, says: str) -> None:
    with pytest.raises(DataError, match=says):
        read_labels(labels, None, 6, 3, "here")


def test_classes_are_matched_by_their_names() -> None:
    order, note = class_order(("Dog", "cat", "a_bee"), ("a bee", "cat", "dog"), "here")
    assert order.tolist() == [2, 1, 0] and "matched by their names" in note
    order, note = class_order(("n01", "n02", "n03"), ("a", "b", "c"), "here")
    assert order.tolist() == [0, 1, 2] and "in their order" in note
    order, note = class_order(("C", "C++", "c#"), ("C++", "c#", "C"), "here")  # equal but for signs
    assert order.tolist() == [2, 0, 1] and "matched by their names" in note
    with pytest.raises(DataError, match="has several classes 'cat'"):
        class_order(("cat", "cat", "dog"), ("cat", "dog", "bee"), "here")
    with pytest.raises(DataError, match="has a class 'bird', which the data does not have"):
        class_order(("cat", "dog", "bird"), ("cat", "dog", "bee"), "here")
    with pytest.raises(DataError, match="has 2 classes"):
        class_order(("cat", "dog"), ("cat", "dog", "bee"), "here")
