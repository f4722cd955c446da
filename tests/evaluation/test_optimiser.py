"""SGD and AdamW on stacked flat vectors against torch's, in float64."""

import math

import pytest
import torch

from ddkit.evaluation import EvaluateSettings
from ddkit.evaluation.optimiser import AdamW, optimiser_of
from ddkit.evaluation.training import LR_GRIDS, Training, honest_training
from ddkit.randomness import stream

STEPS = 20
RATES = [0.003, 0.05]


def pulled(theta: torch.Tensor, t: int) -> torch.Tensor:
    """A gradient that depends on where one is and when."""
    return theta.sin() * (1 + t % 3) + 0.2 * theta


def walk(training: Training, begin: torch.Tensor) -> torch.Tensor:
    theta = begin.clone()
    optimiser = optimiser_of(training, torch.tensor(RATES, dtype=torch.float64), theta)
    for t in range(STEPS):
        optimiser.step(t, theta, pulled(theta, t))
    return theta


def torchs(make, factor, begin: torch.Tensor, rate: float) -> torch.Tensor:
    theta = begin.clone().requires_grad_()
    optimiser = make([theta], rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, factor)
    for t in range(STEPS):
        theta.grad = pulled(theta.detach(), t)
        optimiser.step()
        schedule.step()
    return theta.detach()


@pytest.fixture
def begin() -> torch.Tensor:
    return torch.randn(2, 7, generator=stream(0, "theta"), dtype=torch.float64)


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_adamw_is_torchs_under_a_cosine(begin: torch.Tensor, decay: float) -> None:
    found = walk(Training(steps=STEPS, batch=1, optimiser="adamw", weight_decay=decay), begin)
    for own, start, rate in zip(found, begin, RATES, strict=True):
        expected = torchs(
            lambda parameters, lr: torch.optim.AdamW(parameters, lr=lr, weight_decay=decay),
            lambda t: (1 + math.cos(math.pi * t / STEPS)) / 2,
            start,
            rate,
        )
        torch.testing.assert_close(own, expected, rtol=1e-10, atol=1e-12)
        assert (expected - start).norm() > rate


@pytest.mark.parametrize("halvings", [1, 3, 4])
def test_adamw_is_torchs_under_halvings(begin: torch.Tensor, halvings: int) -> None:
    found = walk(Training(steps=STEPS, batch=1, optimiser="adamw", weight_decay=0.1, halvings=halvings), begin)
    for own, start, rate in zip(found, begin, RATES, strict=True):
        expected = torchs(
            lambda parameters, lr: torch.optim.AdamW(parameters, lr=lr, weight_decay=0.1),
            lambda t: 0.5 ** sum(t >= number * STEPS / (halvings + 1) for number in range(1, halvings + 1)),
            start,
            rate,
        )
        torch.testing.assert_close(own, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("drop_at", [7, 0, STEPS])
def test_sgd_is_torchs_under_a_drop(begin: torch.Tensor, drop_at: int) -> None:
    found = walk(Training(steps=STEPS, batch=1, drop_at=drop_at, weight_decay=0.02, momentum=0.8), begin)
    for own, start, rate in zip(found, begin, RATES, strict=True):
        expected = torchs(
            lambda parameters, lr: torch.optim.SGD(parameters, lr=lr, momentum=0.8, weight_decay=0.02),
            lambda t: 0.1 if t >= drop_at else 1.0,
            start,
            rate,
        )
        torch.testing.assert_close(own, expected, rtol=1e-10, atol=1e-12)


def test_only_the_parameters_are_changed_in_place(begin: torch.Tensor) -> None:
    for name in LR_GRIDS:
        theta, gradient = begin.clone(), torch.ones_like(begin)
        optimiser = optimiser_of(Training(steps=3, batch=1, optimiser=name), torch.tensor(RATES), theta)
        assert isinstance(optimiser, AdamW) is (name == "adamw")
        for t in range(3):
            before = theta.clone()
            optimiser.step(t, theta, gradient)
            assert (theta != before).all()
        assert torch.equal(gradient, torch.ones_like(begin))


@pytest.mark.parametrize("size, steps", [(10, 100), (1000, 100), (4000, 300)])
def test_the_honest_training(size: int, steps: int) -> None:
    """The larger of 100 steps and 3 epochs in batches of 40; each optimiser's own decay."""
    settings = EvaluateSettings(steps=100, epochs=3, batch=40)
    sgd = honest_training(settings, size)
    assert (sgd.steps, sgd.drop_at, sgd.batch, sgd.optimiser) == (steps, steps // 2, 40, "sgd")
    assert (sgd.weight_decay, sgd.mixup, sgd.mix_probabilities) == (5e-4, 0.0, False)
    other = honest_training(
        EvaluateSettings(steps=100, epochs=3, batch=40, optimiser="adamw", mixup=0.8, mix="probabilities"), size
    )
    assert (other.optimiser, other.weight_decay, other.mixup, other.mix_probabilities) == ("adamw", 0.01, 0.8, True)
