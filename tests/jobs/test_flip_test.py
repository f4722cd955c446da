"""What flips do to labels: when a measured loss counts, and what is measured."""

import pytest
import torch

from ddkit.data.real import Part
from ddkit.errors import DataError
from ddkit.jobs.flips import measure as flip_module
from ddkit.jobs.flips.measure import FlipTest, Pairs, flip_test


def flip_test_of(without, with_flips, worst=((0.9, 0.9), (0.9, 0.9)), images=100) -> FlipTest:
    return FlipTest(Pairs(without, with_flips, 10 * images), Pairs(*worst, images), "left", 10)


def test_a_loss_counts_beyond_its_interval_and_one_point() -> None:
    assert flip_test_of((0.9, 0.91, 0.92), (0.8, 0.81, 0.815)).harmful
    assert not flip_test_of((0.9, 0.91, 0.92), (0.8, 0.92, 0.91)).harmful  # within the interval
    assert not flip_test_of((0.9, 0.91, 0.92), (0.895, 0.905, 0.915)).harmful  # half a point


def test_one_class_that_suffers_is_enough() -> None:
    """Two of a hundred classes that are each other's mirror images move the mean by less than a point."""
    same = (0.99, 0.99, 0.991)
    assert not flip_test_of(same, same).harmful
    found = flip_test_of(same, same, ((1.0, 0.9, 1.0), (0.5, 0.5, 0.6)))
    assert found.harmful
    assert str(found).endswith("(class 'left', 100 images: 96.7 % without flips, 53.3 % with them)")


def test_a_class_of_two_images_proves_nothing() -> None:
    """All networks see the same two, and of sixty classes one always suffers."""
    same, worst = (0.7, 0.705, 0.7, 0.7, 0.71), ((1.0, 1.0, 1.0, 1.0, 0.5), (0.5,) * 5)
    assert flip_test_of(same, same, worst, images=100).harmful
    few = flip_test_of(same, same, worst, images=2)
    assert not few.harmful and few.undecided and "class 'left', 2 images: 90.0" in str(few)
    assert flip_test_of(same, same, ((1.0,) * 5, (0.0,) * 5), images=8).harmful


def test_who_learned_nothing_or_differs_widely_decides_nothing() -> None:
    assert flip_test_of((0.11, 0.12), (0.11, 0.12)).undecided
    assert flip_test_of((0.5, 0.9), (0.9, 0.5)).undecided
    assert not flip_test_of((0.9, 0.91), (0.9, 0.91)).undecided


def test_it_is_measured_once_and_from_one_initialisation(tiny, home, monkeypatch) -> None:
    begun = []
    monkeypatch.setattr(flip_module, "STEPS", 0)
    real = flip_module.train_networks
    monkeypatch.setattr(flip_module, "train_networks", lambda *a, **k: begun.append(real(*a, **k)) or begun[-1])
    first = flip_test(tiny)
    assert len(begun) == 2 and torch.equal(begun[0].theta, begun[1].theta)
    assert flip_test(tiny) == first and len(begun) == 2
    part = tiny.validation
    for c, name in enumerate(tiny.data.classes):
        mine = part.labels == c
        own = Part(part.images[mine], part.labels[mine])
        if name == first.worst_class:
            assert tuple(begun[0].accuracy(own)) == first.worst.without and len(own) == first.worst.images


def test_large_images_are_measured_in_small(tiny, home, monkeypatch) -> None:
    monkeypatch.setattr(flip_module, "STEPS", 0)
    monkeypatch.setattr(flip_module, "SIDE", 4)
    seen, real = [], flip_module.train_networks
    monkeypatch.setattr(
        flip_module, "train_networks", lambda net, x, *a, **k: seen.append(x.images) or real(net, x, *a, **k)
    )
    flip_test(tiny)
    quarters = tiny.train.images.unflatten(-1, (4, 2)).unflatten(-3, (4, 2)).mean((-1, -3))
    for images in seen:
        torch.testing.assert_close(images, quarters)


def test_a_damaged_answer_is_one_line(tiny, home, monkeypatch) -> None:
    monkeypatch.setattr(flip_module, "STEPS", 0)
    flip_test(tiny)
    (kept,) = (home / "flips").iterdir()
    kept.write_text("{")
    with pytest.raises(DataError, match=r"is damaged .* delete it and run again"):
        flip_test(tiny)
