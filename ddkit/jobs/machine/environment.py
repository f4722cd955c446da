"""Versions and hardware that a result may depend on. Every set records them, and `ddkit doctor` shows them.

Results are equal to the byte under equal versions, thread counts and processor features. PyTorch selects routines by
the processor and ddkit compiles kernels for it, and another order of additions gives another rounding.
"""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

PACKAGES = ("ddkit", "torch", "torchvision", "kornia", "numpy", "scipy", "scikit-learn", "h5py")


def environment(device: torch.device, ranks: int = 1) -> dict[str, str | int]:
    """Versions, hardware, thread count, and the number of ranks if there are several.

    There is no time of day and no path, so equal runs give equal facts.
    """
    facts: dict[str, str | int] = {"python": platform.python_version(), "system": platform.system(), **versions()}
    facts["machine"] = platform.machine()
    facts["processor"] = processor()
    facts["cores"] = os.cpu_count() or 0
    facts["threads"] = torch.get_num_threads()
    facts["device"] = device_name(device)
    if ranks > 1:
        facts["ranks"] = ranks
    return facts


def versions() -> dict[str, str]:
    """The versions of ddkit and of the packages that a result may depend on."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def device_name(device: torch.device) -> str:
    """The model of a GPU, or the kind of another device."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def processor() -> str:
    """The processor's model, or "unknown" if the system does not name it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(errors="replace").splitlines() if info.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model", "CPU part")))
    return next(names, "") or platform.processor() or "unknown"
