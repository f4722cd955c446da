"""SGD against PyTorch's, and rows of vectors."""

import torch

from ddkit.randomness import stream
from ddkit.steps import SGD, as_rows


def test_sgd_equals_pytorch_s() -> None:
    draw = stream(0, "sgd")
    ours = torch.randn(2, 7, generator=draw, dtype=torch.float64)
    theirs = ours.clone().requires_grad_()
    optimiser = torch.optim.SGD([theirs], lr=0.1, momentum=0.9, weight_decay=5e-3)
    descent = SGD(ours)
    for _ in range(5):
        gradient = torch.randn(2, 7, generator=draw, dtype=torch.float64)
        theirs.grad = gradient
        optimiser.step()
        descent.step(ours, gradient, 0.1, 0.9, 5e-3)
    torch.testing.assert_close(ours, theirs.detach(), atol=1e-15, rtol=1e-13)


def test_each_row_may_have_its_own_rate_and_the_velocity_can_be_reset() -> None:
    theta, gradient = torch.zeros(2, 3), torch.ones(2, 3)
    descent = SGD(theta)
    descent.step(theta, gradient, torch.tensor([[1.0], [2.0]]), 0.5, 0.0)
    assert theta.tolist() == [[-1.0] * 3, [-2.0] * 3]
    descent.reset()
    descent.step(theta, gradient, 1.0, 0.5, 0.0)
    assert theta.tolist() == [[-2.0] * 3, [-3.0] * 3]


def test_a_single_vector_is_a_row_without_a_copy() -> None:
    one, two = torch.arange(3.0), torch.ones(3)
    assert as_rows([one]).data_ptr() == one.data_ptr()
    assert torch.equal(as_rows([one, two]), torch.stack([one, two]))
