"""Adam under a cosine against torch's."""

import math

import torch

from ddkit.methods.annealed_adam import annealed_adam
from ddkit.randomness import stream


def test_it_is_torchs_adam_under_a_cosine() -> None:
    steps, lr = 25, 0.3
    draw = stream(0, "adam")
    begin, aim = (torch.randn(3, 4, generator=draw, dtype=torch.float64) for _ in range(2))

    theirs = begin.clone().requires_grad_()
    adam = torch.optim.Adam([theirs], lr=lr, betas=(0.5, 0.9), eps=1e-8)
    cosine = torch.optim.lr_scheduler.LambdaLR(adam, lambda t: (1 + math.cos(math.pi * t / steps)) / 2)
    value, first, second = begin, torch.zeros_like(begin), torch.zeros_like(begin)
    for t in range(steps):
        gradient = (value - aim) * (1 + value.abs())
        theirs.grad = (theirs.detach() - aim) * (1 + theirs.detach().abs())
        adam.step()
        cosine.step()
        value, first, second = annealed_adam(value, first, second, gradient, t, steps, lr)
        torch.testing.assert_close(value, theirs.detach(), rtol=1e-12, atol=1e-13)
    assert (value - begin).norm() > 0.5


def test_the_last_step_is_small_and_nothing_changes_in_place() -> None:
    value, zero = torch.ones(2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    kept = [value.clone(), zero.clone()]
    begin, end = (annealed_adam(value, zero, zero, value, t, 100, 1.0)[0] for t in (0, 99))
    assert float((begin - value).abs().max()) > 0.999  # the first step of Adam is lr
    assert float((end - value).abs().max()) < 0.01
    assert torch.equal(value, kept[0]) and torch.equal(zero, kept[1])
