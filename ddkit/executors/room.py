"""How many units fit on one GPU, from estimates of their memory."""

import torch

from ddkit.executors.contract import Needs

PROCESS = 2**30
"""Bytes of a GPU that a process takes for CUDA and its libraries, rounded up."""

TOGETHER = 2
"""The most units on one GPU, unless the user says another number. They share its time, so more gain little."""


def fit(needs: Needs, memory: int) -> int:
    """The number of units that fit into `memory` bytes of a GPU, each in a process of its own; at least 1.

    Example:
        >>> import torch
        >>> fit(Needs(torch.device("cuda"), memory=3 * 2**30), 24 * 2**30)
        6
    """
    return max(1, memory // (needs.memory + needs.shared + PROCESS))


def together(needs: Needs, memory: int) -> int:
    """The number of units that share a GPU of `memory` bytes by default; 1 if their memory is unknown."""
    return min(TOGETHER, fit(needs, memory)) if needs.memory else 1


def gpu_share(needs: Needs) -> float:
    """The share of a GPU for one unit. The GPUs of all nodes count as being as large as the driver's.

    Ray does not know how large a GPU is. A driver without one asks for whole GPUs.
    """
    if not torch.cuda.is_available():
        return 1.0
    return 1 / together(needs, torch.cuda.get_device_properties(needs.device).total_memory)
