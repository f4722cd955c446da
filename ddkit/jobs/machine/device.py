"""The device that a job runs on."""

import re

import torch

from ddkit.errors import UsageError


def pick_device(name: str) -> torch.device:
    """`auto` is CUDA where there is one, else the CPU.

    Raises:
        UsageError: a name of no device, or a device this machine does not have.
    """
    if not re.fullmatch(r"auto|(cpu|cuda)(:\d+)?", name):
        raise UsageError(f"device '{name}': is no name of a device; write cuda or cuda:1 for a GPU, cpu, or auto")
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):
        raise UsageError(f"device '{name}': this machine or this build of torch has none; use cpu or auto") from None
    return device


def graph_device(name: str) -> torch.device:
    """The CPU, on which graphs run.

    Raises:
        UsageError: another device is asked for.
    """
    if name not in ("auto", "cpu"):
        raise UsageError(f"option --device: graphs run on the CPU only, got {name!r}; leave it out")
    return torch.device("cpu")
