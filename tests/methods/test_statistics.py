"""The distance of statistics against a loop by hand; moments of parts against those of the whole, in float64."""

import math

import pytest
import torch

from ddkit.methods.statistics import EPS, FIRST, bn_distance, cotangents, joined
from ddkit.nets import Moments, Stats
from ddkit.randomness import stream

CHANNELS = {"first": 3, "second": 5, "third": 2}


def drawn(groups: int = 2) -> tuple[Moments, Stats]:
    draw = stream(0, "statistics")

    def some(*size: int) -> torch.Tensor:
        return torch.rand(size, generator=draw, dtype=torch.float64) + 0.2

    moments = {name: (some(groups, c), some(groups, c)) for name, c in CHANNELS.items()}
    stats = {f"{name}.{kind}": some(c) for name, c in CHANNELS.items() for kind in ("running_mean", "running_var")}
    stats |= {"idle.running_mean": some(4), "idle.running_var": some(4)}  # a batch norm that did not run
    return moments, stats


def by_hand(moments: Moments, stats: Stats, kind: str, group: int) -> float:
    """Number by number, without tensors."""
    total = weights = 0.0
    for i, name in enumerate(moments):
        mean, variance = (values[group].tolist() for values in moments[name])
        running_mean, running_var = (stats[f"{name}.{part}"].tolist() for part in ("running_mean", "running_var"))
        weight = 10.0 if i == 0 else 1.0
        if kind == "norm":
            shift = math.sqrt(sum((a - b) ** 2 for a, b in zip(running_mean, mean, strict=True)))
            spread = math.sqrt(sum((a - b) ** 2 for a, b in zip(running_var, variance, strict=True)))
        else:
            shift = math.sqrt(
                sum((a - b) ** 2 / (v + EPS) for a, b, v in zip(running_mean, mean, running_var, strict=True))
                / len(mean)
            )
            spread = math.sqrt(
                sum(((b + EPS) / (v + EPS) - 1) ** 2 for b, v in zip(variance, running_var, strict=True)) / len(mean)
            )
        total += weight * (shift + spread)
        weights += weight
    return total if kind == "norm" else total / weights


@pytest.mark.parametrize("kind", ["norm", "relative"])
def test_the_distance_is_the_loop_by_hand(kind: str) -> None:
    moments, stats = drawn()
    found = bn_distance(moments, stats, kind)
    assert found.tolist() == pytest.approx([by_hand(moments, stats, kind, group) for group in range(2)], rel=1e-12)
    assert found[0] != found[1]


def test_the_first_counts_tenfold() -> None:
    moments, stats = drawn(1)
    alone = {name: float(bn_distance({name: moments[name]}, stats, "norm")) for name in moments}
    turned = dict(reversed(moments.items()))
    assert FIRST == 10
    assert float(bn_distance(moments, stats, "norm")) == pytest.approx(
        alone["first"] + (alone["second"] + alone["third"]) / 10
    )  # each alone is a first one, with weight 10
    assert float(bn_distance(turned, stats, "norm")) == pytest.approx(
        alone["third"] + (alone["first"] + alone["second"]) / 10
    )


def test_relative_has_no_scale_and_norm_has() -> None:
    """Activations 50 times as large, with statistics to match, in as many copies of each channel."""
    moments, stats = drawn(1)
    large = {n: (m.repeat(1, 4) * 50, v.repeat(1, 4) * 2500) for n, (m, v) in moments.items()}
    theirs = {n: s.repeat(4) * (50 if n.endswith("mean") else 2500) for n, s in stats.items()}
    assert float(bn_distance(large, theirs, "relative")) == pytest.approx(
        float(bn_distance(moments, stats, "relative")), rel=1e-4
    )
    assert float(bn_distance(large, theirs, "norm")) > 100 * float(bn_distance(moments, stats, "norm"))


@pytest.mark.parametrize("kind", ["norm", "relative"])
def test_it_is_nothing_where_statistics_agree_or_there_are_none(kind: str) -> None:
    _, stats = drawn()
    agree = {n: (stats[f"{n}.running_mean"][None], stats[f"{n}.running_var"][None]) for n in CHANNELS}
    assert bn_distance(agree, stats, kind).tolist() == [0.0]
    assert bn_distance({}, {}, kind).tolist() == [0.0]


def moments_of(x: torch.Tensor) -> Moments:
    """Of x [groups, images, channels, pixels], under two names."""
    return {"a": (x.mean((1, 3)), x.var((1, 3), correction=0)), "b": (x.square().mean((1, 3)), x.exp().var((1, 3)))}


def test_moments_of_parts_join_to_those_of_the_whole() -> None:
    x = torch.randn(2, 7, 3, 5, generator=stream(0, "x"), dtype=torch.float64) * 3 + 1
    sizes = [3, 2, 2]
    parts = [{"a": moments_of(part)["a"]} for part in x.split(sizes, 1)]
    whole = joined(parts, sizes)["a"]
    for found, expected in zip(whole, moments_of(x)["a"], strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    wrong = joined(parts, [1, 1, 1])["a"]  # parts of unequal size weigh unequally
    assert not torch.allclose(wrong[0], whole[0])


def test_what_a_loss_asks_of_the_whole_is_asked_of_each_part() -> None:
    """Pulling the parts' cotangents back gives the gradient that autograd finds through the whole batch."""
    x = torch.randn(2, 7, 3, 5, generator=stream(0, "x"), dtype=torch.float64, requires_grad=True)
    sizes = [3, 3, 1]

    def loss_of(moments: Moments) -> torch.Tensor:
        mean, variance = moments["a"]
        return (mean.sin() * variance).sum() + variance.log().square().sum()

    expected_loss = loss_of(moments_of(x))
    (expected,) = torch.autograd.grad(expected_loss, x)
    parts = [{"a": moments_of(part)["a"]} for part in x.split(sizes, 1)]
    loss, derivatives = cotangents(loss_of, parts, sizes)
    pulled = sum(
        (found * wanted).sum()
        for own, part in zip(derivatives, parts, strict=True)
        for found, wanted in zip(part["a"], own["a"], strict=True)
    )
    assert isinstance(pulled, torch.Tensor)
    assert not loss.requires_grad and loss == pytest.approx(expected_loss.item(), rel=1e-12)
    torch.testing.assert_close(torch.autograd.grad(pulled, x)[0], expected, rtol=1e-10, atol=1e-12)


def test_without_moments_nothing_is_asked() -> None:
    loss, derivatives = cotangents(lambda moments: torch.tensor(2.0), [{}, {}], [3, 2])
    assert loss == 2 and derivatives == [{}, {}]
