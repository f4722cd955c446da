"""Copies to a CUDA device that do not wait for it."""

import torch
from torch import Tensor


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Return the tensor on `device`.

    A copy from ordinary memory waits until the device has done all work that was queued before. A copy from pinned
    memory is only queued. PyTorch keeps the pinned memory until the copy is done.

    Example:
        >>> to_device(torch.arange(3), torch.device("cpu")).tolist()
        [0, 1, 2]
    """
    if device.type != "cuda" or tensor.device.type != "cpu":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
