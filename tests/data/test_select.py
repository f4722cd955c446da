"""Coresets against greedy loops, means and counts in NumPy."""

import numpy as np
import pytest
import torch
from torch import Tensor

from ddkit.data import load_images, select
from ddkit.data.select import SELECTORS
from ddkit.errors import UsageError
from ddkit.randomness import stream


@pytest.fixture(scope="module")
def points() -> tuple[Tensor, Tensor]:
    """30 to 50 points of each of 3 classes in 7 dimensions, the classes mixed up."""
    draw = stream(0, "points")
    labels = torch.arange(3).repeat_interleave(torch.tensor([40, 30, 50]))[torch.randperm(120, generator=draw)]
    return torch.randn(120, 7, generator=draw) + labels[:, None], labels


def members(labels: Tensor, label: int) -> np.ndarray:
    return np.flatnonzero(labels.numpy() == label)


@pytest.mark.parametrize("ipc", [1, 3, 10, 30])
def test_herding_is_the_greedy_loop(points: tuple[Tensor, Tensor], ipc: int) -> None:
    features, labels = points
    expected = []
    for label in range(3):
        rows = members(labels, label)
        x = features.double().numpy()[rows]
        chosen: list[int] = []
        for _ in range(ipc):
            best, least = -1, np.inf
            for i in range(len(x)):
                if i not in chosen:
                    distance = np.linalg.norm(x[[*chosen, i]].mean(0) - x.mean(0))
                    best, least = (i, distance) if distance < least else (best, least)
            chosen.append(best)
        expected += rows[chosen].tolist()
    assert select("herding", features, labels, ipc, stream(0, "unused")).tolist() == expected


@pytest.mark.parametrize("name", SELECTORS)
@pytest.mark.parametrize("ipc", [1, 3, 10, 30])
def test_every_class_gives_ipc_distinct_images(points: tuple[Tensor, Tensor], name: str, ipc: int) -> None:
    features, labels = points
    chosen = select(name, features, labels, ipc, stream(0, "select"))
    assert torch.equal(labels[chosen], torch.arange(3).repeat_interleave(ipc))
    assert len(set(chosen.tolist())) == 3 * ipc


def test_one_kmeans_image_is_the_nearest_to_the_mean(points: tuple[Tensor, Tensor]) -> None:
    features, labels = points
    for label, chosen in enumerate(select("kmeans", features, labels, 1, stream(0, "select")).tolist()):
        rows = members(labels, label)
        x = features.double().numpy()[rows]
        assert chosen == rows[np.linalg.norm(x - x.mean(0), axis=1).argmin()]


def test_kmeans_finds_separate_clusters() -> None:
    draw = stream(0, "clusters")
    cluster = torch.arange(4).repeat(10)
    centres = torch.eye(4) * 20
    x = centres[cluster] + torch.randn(40, 4, generator=draw)
    chosen = select("kmeans", x, torch.zeros(40, dtype=torch.long), 4, stream(0, "select"))
    assert sorted(cluster[chosen].tolist()) == [0, 1, 2, 3]
    for i in chosen.tolist():  # in each, the image nearest to the cluster's mean
        rows = (cluster == cluster[i]).nonzero().flatten()
        assert i == int(rows[(x[rows] - x[rows].mean(0)).norm(dim=1).argmin()])


def test_kmeans_gives_distinct_images_even_of_equal_points() -> None:
    x = torch.cat([torch.zeros(6, 2), torch.ones(1, 2)])
    with pytest.warns(Warning, match="distinct clusters"):
        chosen = select("kmeans", x, torch.zeros(7, dtype=torch.long), 3, stream(0, "select"))
    assert len(set(chosen.tolist())) == 3


def test_random_is_uniform_and_without_replacement() -> None:
    labels = torch.arange(2).repeat_interleave(6)
    draw, draws, ipc = stream(0, "uniform"), 3000, 2
    counts, pairs = np.zeros(12), np.zeros((12, 12))
    for _ in range(draws):
        chosen = select("random", torch.zeros(12, 1), labels, ipc, draw).numpy()
        counts[chosen] += 1
        pairs[chosen[0], chosen[1]] += 1
    share = ipc / 6  # of the draws, for each image: a binomial with this mean
    np.testing.assert_allclose(counts / draws, share, atol=5 * np.sqrt(share * (1 - share) / draws))
    ordered = pairs[:6, :6][~np.eye(6, dtype=bool)] / draws
    np.testing.assert_allclose(ordered, 1 / 30, atol=5 * np.sqrt(1 / 30 * 29 / 30 / draws))
    assert not np.diag(pairs).any()


@pytest.mark.parametrize("name", SELECTORS)
def test_one_generator_one_choice(name: str) -> None:
    images = load_images("digits")
    pixels, labels = images.train_images.flatten(1) / 255, images.train_labels
    chosen = [select(name, pixels, labels, 3, stream(seed, "select")).tolist() for seed in (0, 0, 1)]
    assert chosen[0] == chosen[1]
    assert (chosen[0] == chosen[2]) == (name == "herding")  # the one without a draw


@pytest.mark.parametrize("name", SELECTORS)
def test_more_images_than_a_class_has_are_refused(points: tuple[Tensor, Tensor], name: str) -> None:
    with pytest.raises(UsageError, match=r"ipc 31: class 1 has only 30 training images; set method.ipc") as caught:
        select(name, *points, 31, stream(0, "select"))
    assert "\n" not in str(caught.value)


def test_an_unknown_name_gives_the_nearest(points: tuple[Tensor, Tensor]) -> None:
    with pytest.raises(UsageError, match="coreset 'hreding' is unknown; did you mean herding"):
        select("hreding", *points, 1, stream(0, "select"))
