"""Load the task of a recipe: its data, its network and its augmentation."""

import torch

from ddkit.data import DSA, DataSettings, ImageData, load_images, prepare
from ddkit.jobs.data.parts import parts_line
from ddkit.jobs.data.size import refuse_too_large
from ddkit.memory import free_memory
from ddkit.nets import FlatNet, NetSettings
from ddkit.run import Meter, SilentMeter
from ddkit.task import Task


def load_task(data: DataSettings, net: NetSettings, device: torch.device, meter: Meter | None = None) -> Task:
    """Load, split and preprocess the data, and build the network and the augmentation.

    A line to `meter` announces a long whitening.

    Raises:
        UsageError: an unknown dataset or augmentation, or images too small for the network.
        DataError: missing or damaged data, or data that does not fit into memory.
    """
    return task_of(load_images(data.name, data.reading), data, net, device, meter)


def task_of(
    images: ImageData, data: DataSettings, net: NetSettings, device: torch.device, meter: Meter | None = None
) -> Task:
    """Do what `load_task` does, with images that are already loaded."""
    dsa = DSA(data.augment)
    flat = FlatNet(net, images.shape, images.class_count)
    refuse_too_large(images, data, free_memory(torch.device("cpu")), meter or SilentMeter())
    return Task(prepare(images, data).to(device), flat, dsa)


def report_net(net: FlatNet, meter: Meter) -> None:
    """Report where the code of a foreign network is, and what is turned off in it."""
    for remark in net.remarks:
        meter.say(f"net {net.spec}: {remark}")


def report_data(task: Task, meter: Meter) -> None:
    """Report the number of images and the origin of each part, and the data's remarks."""
    real, origins = task.real, task.real.data.origins
    sizes = {"train": len(real.train), "validation": len(real.validation), "test": len(real.data.test_labels)}
    default = {"validation": "cut from train"}
    parts = {part: (count, origins.get(part, default.get(part, ""))) for part, count in sizes.items()}
    meter.say(f"data '{real.data.name}': {parts_line(**parts)}")
    for remark in real.data.remarks:
        meter.say(f"data '{real.data.name}': {remark}")
