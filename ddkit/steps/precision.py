"""Precision of a step's convolutions."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

PRECISIONS = ("float32", "tf32", "bfloat16")

TRAINING = "tf32"
"""Precision in which a GPU trains experts, teachers and the networks of an evaluation. It is PyTorch's default. DC,
DSA, DM and NCFM match in float32; trajectory methods and recovery use their setting `precision`."""


def real_of(maps: torch.dtype) -> torch.dtype:
    """Return the dtype of sums, statistics and parameters for maps of a dtype; it is REAL in the kernels."""
    return torch.float64 if maps == torch.float64 else torch.float32


@contextmanager
def convolution_precision(device: torch.device, precision: str) -> Iterator[None]:
    """Make cuDNN's convolutions use TF32 for the precision "tf32", and float32 for every other one.

    The settings of the process have no effect inside the block. (PyTorch's default is TF32.) Nothing changes if
    `device` is not a CUDA device. The old settings are restored at the end; a setting that was not set is then set to
    its effective value.
    """
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
    # PyTorch has an old switch beside these two, and raises an error if one is read while they disagree.
    cudnn: Any = torch.backends.cudnn
    cudnn.allow_tf32 = conv == "tf32"
    cudnn.conv.fp32_precision = conv
    cudnn.rnn.fp32_precision = rnn
