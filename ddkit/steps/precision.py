"""What arithmetic a step's convolutions use."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

PRECISIONS = ("float32", "tf32", "bfloat16")


def real_of(maps: torch.dtype) -> torch.dtype:
    """In what sums, statistics and parameters are kept beside maps of a dtype; REAL in the kernels."""
    return torch.float64 if maps == torch.float64 else torch.float32


@contextmanager
def convolution_precision(device: torch.device, precision: str) -> Iterator[None]:
    """TF32 in cuDNN's convolutions only where it was asked for: PyTorch's own default is to use it silently."""
    if device.type != "cuda":
        yield
        return
    cudnn = torch.backends.cudnn
    with cudnn.flags(
        enabled=True, benchmark=cudnn.benchmark, deterministic=cudnn.deterministic, allow_tf32=precision == "tf32"
    ):
        yield
