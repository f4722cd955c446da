"""What arithmetic a step's convolutions use."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

PRECISIONS = ("float32", "tf32", "bfloat16")

TRAINING = "tf32"
"""Precision in which a GPU trains networks: experts, teachers and those of an evaluation. It is PyTorch's default.
DC, DSA and DM match in float32; trajectory methods and recovery take their setting `precision`."""


def real_of(maps: torch.dtype) -> torch.dtype:
    """In what sums, statistics and parameters are kept beside maps of a dtype; REAL in the kernels."""
    return torch.float64 if maps == torch.float64 else torch.float32


@contextmanager
def convolution_precision(device: torch.device, precision: str) -> Iterator[None]:
    """Within it cuDNN's convolutions use TF32 for the precision "tf32" and full float32 for every other one, whatever
    the process has set. (PyTorch's own default is TF32.) Nothing changes where `device` is no CUDA device.

    Afterwards the process's values are back; one that it had left open is then set to what it meant."""
    if device.type != "cuda":
        yield
        return
    cudnn: Any = torch.backends.cudnn  # its switches are set at run time
    before = cudnn.conv.fp32_precision, cudnn.rnn.fp32_precision
    wanted = "tf32" if precision == "tf32" else "ieee"
    _set_cudnn(wanted, wanted)
    try:
        yield
    finally:
        _set_cudnn(*before)


def _set_cudnn(conv: str, rnn: str) -> None:
    # PyTorch keeps an old switch beside these two, and raises where one of them is read and they disagree.
    cudnn: Any = torch.backends.cudnn
    cudnn.allow_tf32 = conv == "tf32"
    cudnn.conv.fp32_precision = conv
    cudnn.rnn.fp32_precision = rnn
