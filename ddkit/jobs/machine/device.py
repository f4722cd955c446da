"""The device that a job runs on."""

import re

import torch

from ddkit.errors import UsageError
from ddkit.executors.child import leave_if_unguarded


def pick_device(name: str) -> torch.device:
    """The device of that name. "auto" is CUDA if the machine has it, else the CPU.

    Raises:
        UsageError: the name is not a device's, or this machine does not have the device.
    """
    leave_if_unguarded()  # before a job takes locks
    if not re.fullmatch(r"auto|(cpu|cuda)(:\d+)?", name):
        raise UsageError(f"device '{name}': is unknown; use cuda or cuda:1 for a GPU, cpu, or auto")
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):
        raise UsageError(
            f"device '{name}': this machine or this build of torch does not have it; use cpu or auto"
        ) from None
    return device


def graph_device(name: str) -> torch.device:
    """The CPU, the only device for graphs.

    Raises:
        UsageError: the name is another device's.
    """
    if name not in ("auto", "cpu"):
        raise UsageError(f"option --device: must be cpu for graphs, got {name!r}; leave it out")
    return torch.device("cpu")
