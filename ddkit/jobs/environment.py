"""What a result may depend on besides its recipe; recorded in every set and shown by `ddkit doctor`."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version

import torch

PACKAGES = ("ddkit", "torch", "torchvision", "kornia", "numpy", "scipy", "scikit-learn", "h5py")


def environment(device: torch.device) -> dict[str, str | int]:
    """Versions, hardware and thread count; no time of day and no paths."""
    facts: dict[str, str | int] = {"python": platform.python_version(), "system": platform.system()}
    for package in PACKAGES:
        try:
            facts[package] = version(package)
        except PackageNotFoundError:
            facts[package] = "not installed"
    facts["machine"] = platform.machine()
    facts["cores"] = os.cpu_count() or 0
    facts["threads"] = torch.get_num_threads()
    facts["device"] = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return facts
