"""The workbench: data, network and augmentation of one recipe, laid out on one device."""

from dataclasses import dataclass

import torch

from ddkit.data import DSA, RealData, load_images, prepare
from ddkit.errors import UsageError
from ddkit.nets import FlatNet, NetSettings
from ddkit.recipe import DataSettings


@dataclass(frozen=True)
class Bench:
    """What training on real or synthetic images needs."""

    real: RealData
    net: FlatNet
    dsa: DSA


def lay_out(data: DataSettings, net: NetSettings, device: torch.device) -> Bench:
    """Load, split and preprocess the data; build the network and the augmentation.

    Raises:
        UsageError: an unknown dataset or strategy, images too small for the network.
        DataError: data that is missing or damaged.
    """
    images = load_images(data.name)
    dsa = DSA(data.augment)
    flat = FlatNet(net, images.shape, images.class_count)
    return Bench(prepare(images, data).to(device), flat, dsa)


def pick_device(name: str) -> torch.device:
    """`auto` is CUDA where there is one, else the CPU.

    Raises:
        UsageError: a device this machine does not have.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        if device.type not in ("cpu", "cuda"):
            raise RuntimeError("not a device that ddkit is tested on")
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):
        raise UsageError(
            f"device '{name}': this machine or this build of torch has none that ddkit runs on; use cpu or auto"
        ) from None
    return device
