"""What `convolution_precision` sets, and that it leaves nothing behind. The switches exist without a GPU too."""

from contextlib import suppress

import pytest
import torch

from ddkit.steps import convolution_precision

CUDA = torch.device("cuda")
cudnn = torch.backends.cudnn

SET_BY_USERS = {
    "nothing": lambda: None,
    "old, off": lambda: setattr(cudnn, "allow_tf32", False),
    "old, on": lambda: setattr(cudnn, "allow_tf32", True),
    "all, tf32": lambda: setattr(torch.backends, "fp32_precision", "tf32"),
    "all, ieee": lambda: setattr(torch.backends, "fp32_precision", "ieee"),
    "convolutions, ieee": lambda: setattr(cudnn.conv, "fp32_precision", "ieee"),
    "convolutions, tf32": lambda: setattr(cudnn.conv, "fp32_precision", "tf32"),
}
"""Ways to set TF32 for the process, by the old switch and by the new ones."""


@pytest.fixture(params=SET_BY_USERS)
def process(request):
    before = torch.backends.fp32_precision, cudnn.conv.fp32_precision, cudnn.rnn.fp32_precision
    SET_BY_USERS[request.param]()
    yield
    torch.backends.fp32_precision = before[0]
    with suppress(RuntimeError):
        cudnn.allow_tf32 = before[1] == "tf32"
    cudnn.conv.fp32_precision, cudnn.rnn.fp32_precision = before[1:]


@pytest.mark.parametrize(("precision", "state"), [("float32", "ieee"), ("tf32", "tf32"), ("bfloat16", "ieee")])
def test_the_process_has_no_say_and_is_left_as_it_was(process, precision, state):
    before = cudnn.conv.fp32_precision, cudnn.rnn.fp32_precision
    with convolution_precision(CUDA, precision):
        assert cudnn.conv.fp32_precision == state
        assert cudnn.allow_tf32 is (state == "tf32"), "PyTorch raises where its switches disagree"
        with convolution_precision(CUDA, "tf32"):
            assert cudnn.conv.fp32_precision == "tf32"
        assert cudnn.conv.fp32_precision == state
    assert (cudnn.conv.fp32_precision, cudnn.rnn.fp32_precision) == before


def test_elsewhere_nothing_is_set():
    before = cudnn.conv.fp32_precision
    with convolution_precision(torch.device("cpu"), "float32" if before == "tf32" else "tf32"):
        assert cudnn.conv.fp32_precision == before
