"""Lay out a task: load and prepare the data of a recipe, build its network and its augmentation."""

import torch

from ddkit.data import DSA, DataSettings, load_images, prepare
from ddkit.jobs.data.parts import parts_line
from ddkit.jobs.data.size import refuse_too_large
from ddkit.memory import free_memory
from ddkit.nets import FlatNet, NetSettings
from ddkit.run import Meter, SilentMeter
from ddkit.task import Task


def lay_out(data: DataSettings, net: NetSettings, device: torch.device, meter: Meter | None = None) -> Task:
    """Load, split and preprocess the data; build the network and the augmentation. `meter` is told if it takes long.

    Raises:
        UsageError: an unknown dataset or strategy, images too small for the network.
        DataError: data that is missing or damaged, or does not fit into memory.
    """
    images = load_images(data.name)
    dsa = DSA(data.augment)
    flat = FlatNet(net, images.shape, images.class_count)
    refuse_too_large(images, data, free_memory(torch.device("cpu")), meter or SilentMeter())
    return Task(prepare(images, data).to(device), flat, dsa)


def say_data(task: Task, meter: Meter) -> None:
    """Say how many images each part has and where it comes from, and what else a user must know of the data."""
    real, origins = task.real, task.real.data.origins
    sizes = {"train": len(real.train), "validation": len(real.validation), "test": len(real.data.test_labels)}
    usual = {"validation": "cut from train"}
    told = {part: (count, origins.get(part, usual.get(part, ""))) for part, count in sizes.items()}
    meter.say(f"data '{real.data.name}': {parts_line(**told)}")
    for remark in real.data.remarks:
        meter.say(f"data '{real.data.name}': {remark}")
