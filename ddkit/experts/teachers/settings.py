"""Teachers: experts of which only the end counts, several architectures of them, with batch norm as a rule."""

import math
from dataclasses import dataclass
from typing import ClassVar

from ddkit.errors import RecipeError
from ddkit.experts.plain import PlainExperts
from ddkit.experts.settings import TEACHERS, ExpertSettings
from ddkit.nets import net_spec, parse_net
from ddkit.recipe import preset, setting

FILE = "file:"
"""Begins the name of a teacher that is not trained but read from a bundle."""

PRETRAINED = "torchvision:"
"""Begins the name of one that torchvision trained on ImageNet."""


@dataclass(frozen=True, kw_only=True)
class TeacherSettings(PlainExperts):
    """Settings of teachers: plain experts with the usual recipe for CIFAR (SRe2L's squeeze), and which networks.

    The lr falls from `lr` to 0 along half a cosine, epoch by epoch, so that how long a teacher trains is part of what
    it is. `count` is of each network.
    """

    name: ClassVar[str] = "teacher"
    gives: ClassVar[str] = TEACHERS
    nets: str = setting("convnet(norm=batch)", help="networks, file:BUNDLE or torchvision:NAME, separated by ;")
    epochs: int = setting(200, at_least=1, epochs=True, help="epochs")
    count: int = preset(ExpertSettings, "count", 1)
    lr: float = preset(ExpertSettings, "lr", 0.1)
    momentum: float = preset(ExpertSettings, "momentum", 0.9)
    weight_decay: float = preset(ExpertSettings, "weight_decay", 5e-4)
    batch: int = preset(ExpertSettings, "batch", 128)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.named:
            raise RecipeError(
                "key 'experts.nets': names no network; teachers need at least one, as in resnet18(norm=batch)"
            )
        teachers = [name if name.startswith((FILE, PRETRAINED)) else net_spec(parse_net(name)) for name in self.named]
        if len(set(teachers)) < len(teachers):
            raise RecipeError("key 'experts.nets': names one network twice; several of a kind are experts.count")

    @property
    def named(self) -> list[str]:
        """The networks and files, in their order."""
        return [name.strip() for name in self.nets.split(";") if name.strip()]

    @property
    def fewer(self) -> str:
        return f"experts.epochs, now {self.epochs}"

    def lr_in(self, epoch: int) -> float:
        """The learning rate in epoch e = 0, 1, ..."""
        return super().lr_in(epoch) * (1 + math.cos(math.pi * epoch / self.epochs)) / 2
