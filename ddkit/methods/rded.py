"""RDED (Sun et al., CVPR 2024): crops of real images that a teacher classifies with the lowest loss.

For each class, RDED draws `mipc` real images and `num_crop` random crops of each. It keeps the crop of each image with
the lowest cross entropy under the first teacher, and of these the ipc * factor^2 crops with the lowest cross entropy.
factor x factor crops make one image; factor is 1 for small images. The teacher evaluates a crop at 1 / factor of the
image's size, padded with zeros.

The authors train on these images with CutMix, shuffled patches and a lr that ends at half its value. ddkit does not.
"""

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Generator, Tensor
from torch.nn.functional import cross_entropy, pad

from ddkit.data import crop_to_side, random_box
from ddkit.device_copy import to_device
from ddkit.errors import UsageError
from ddkit.methods.contract import Context
from ddkit.methods.effort import FORWARD, Effort
from ddkit.methods.labelled import LabelledSettings, labelled, teachers_of
from ddkit.nets import logits_of
from ddkit.randomness import stream
from ddkit.recipe import preset, setting
from ddkit.steps import training_memory
from ddkit.synth import SyntheticSet
from ddkit.task import Task

SCALE = (0.08, 1.0)

CHUNK = 250
"""Crops in a batch of the teacher."""


@dataclass(frozen=True, kw_only=True)
class RDEDSettings(LabelledSettings):
    """Settings of RDED, with the names of its code."""

    name: ClassVar[str] = "rded"
    mipc: int = setting(300, at_least=1, help="real images of a class from which crops are drawn")
    num_crop: int = setting(5, at_least=1, help="crops of each real image")
    factor: int = setting(1, at_least=1, help="crops along a side of a stored image (2 for 224 pixels)")
    temperature: float = preset(LabelledSettings, "temperature", 20.0)

    def effort(self, task: Task) -> Effort:
        return Effort(FORWARD * task.net.classes * self.mipc * self.num_crop, training_memory(task.net, 1, CHUNK))


@final
class RDED:
    """Selects the crops with the lowest loss under the first teacher. Labels are those of all teachers."""

    settings_class = RDEDSettings

    def __init__(self, settings: RDEDSettings, context: Context) -> None:
        self._settings, self._context = settings, context
        self._teachers = teachers_of(context, settings.name)
        height, width = context.real.data.shape[1:]
        if height % settings.factor or width % settings.factor:
            raise UsageError(
                f"key 'method.factor': images of {height}x{width} pixels cannot be cut into {settings.factor} equal "
                "parts a side; use factor = 1"
            )

    def distil(self) -> SyntheticSet:
        generator = stream(self._context.seed, "condense")
        classes = range(self._context.real.data.class_count)
        images = torch.cat([self._of_class(c, generator) for c in classes])
        return labelled(self._context.as_set(self._settings, images), self._settings, self._context)

    def _of_class(self, c: int, generator: Generator) -> Tensor:
        """ipc images of class c."""
        settings, train = self._settings, self._context.real.train
        members = (train.labels == c).nonzero().flatten()
        needed = settings.images_of_every_class * settings.factor**2
        if len(members) < needed:
            raise UsageError(
                f"method 'rded': class {c} has {len(members)} training images, {needed} are needed (ipc x factor^2); "
                "lower method.ipc or method.factor"
            )
        candidates = max(settings.mipc, needed)
        chosen = members[to_device(torch.randperm(len(members), generator=generator)[:candidates], members.device)]
        together = max(1, CHUNK // settings.num_crop)
        found = [self._best_crops(train.images[part], c, generator) for part in chosen.split(together)]
        crops, losses = (torch.cat(parts) for parts in zip(*found, strict=True))
        return _stitched(crops[losses.argsort()[:needed]], settings.factor)

    def _best_crops(self, images: Tensor, c: int, generator: Generator) -> tuple[Tensor, Tensor]:
        """The crop with the lowest loss of each image [n, C, H, W] of class c, and these losses [n]."""
        settings, teacher = self._settings, self._teachers.teachers[0]
        side = (images.shape[-2], images.shape[-1])
        small = (side[0] // settings.factor, side[1] // settings.factor)
        boxes = [[random_box(side, SCALE, generator, (1.0, 1.0)) for _ in range(settings.num_crop)] for _ in images]
        crops = torch.cat(
            [crop_to_side(image[None], box, small) for image, own in zip(images, boxes, strict=True) for box in own]
        )
        margin = [(whole - part) // 2 for whole, part in zip(side, small, strict=True)]
        framed = pad(crops, (margin[1], side[1] - small[1] - margin[1], margin[0], side[0] - small[0] - margin[0]))
        logits = logits_of(teacher.net, teacher.theta, framed, teacher.stats)
        losses = cross_entropy(logits, torch.full((len(crops),), c, device=crops.device), reduction="none")
        lowest, best = losses.view(len(images), -1).min(1)
        return crops.unflatten(0, (len(images), -1))[torch.arange(len(images), device=best.device), best], lowest


def _stitched(crops: Tensor, factor: int) -> Tensor:
    """Join factor x factor crops to each image, [n, C, factor h, factor w]."""
    rows = crops.unflatten(0, (-1, factor, factor)).permute(0, 3, 1, 4, 2, 5)
    images: Tensor = rows.flatten(4, 5).flatten(2, 3)
    return images
