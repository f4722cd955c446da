"""The workbench: data, network and augmentation of one recipe, laid out on one device."""

import re
from dataclasses import dataclass, replace

import torch

from ddkit.data import DSA, DataSettings, RealData, load_images, prepare
from ddkit.errors import UsageError
from ddkit.jobs.parts import parts_line
from ddkit.jobs.room import refuse_too_large
from ddkit.memory import free_memory
from ddkit.nets import FlatNet, NetSettings
from ddkit.run import Meter, SilentMeter


@dataclass(frozen=True)
class Bench:
    """What training on real or synthetic images needs."""

    real: RealData
    net: FlatNet
    dsa: DSA

    def say_data(self, meter: Meter) -> None:
        """Say how many images each part has and where it comes from, and what else a user must know of the data."""
        real, origins = self.real, self.real.data.origins
        sizes = {"train": len(real.train), "validation": len(real.validation), "test": len(real.data.test_labels)}
        usual = {"validation": "cut from train"}
        told = {part: (count, origins.get(part, usual.get(part, ""))) for part, count in sizes.items()}
        meter.say(f"data '{real.data.name}': {parts_line(**told)}")
        for remark in real.data.remarks:
            meter.say(f"data '{real.data.name}': {remark}")

    def under(self, net: NetSettings) -> "Bench":
        """The same with another network."""
        return replace(self, net=FlatNet(net, self.real.data.shape, self.real.data.class_count))


def lay_out(data: DataSettings, net: NetSettings, device: torch.device, meter: Meter | None = None) -> Bench:
    """Load, split and preprocess the data; build the network and the augmentation. `meter` is told if it takes long.

    Raises:
        UsageError: an unknown dataset or strategy, images too small for the network.
        DataError: data that is missing or damaged, or does not fit into memory.
    """
    images = load_images(data.name)
    dsa = DSA(data.augment)
    flat = FlatNet(net, images.shape, images.class_count)
    refuse_too_large(images, data, free_memory(torch.device("cpu")), meter or SilentMeter())
    return Bench(prepare(images, data).to(device), flat, dsa)


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
