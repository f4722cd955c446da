"""Settings of teachers: experts of one or more architectures, mostly with batch norm, that are used after training."""

import math
from dataclasses import dataclass
from typing import ClassVar

from ddkit.errors import RecipeError
from ddkit.experts.plain import PlainExperts
from ddkit.experts.settings import TEACHERS, ExpertSettings
from ddkit.nets import net_spec, parse_net
from ddkit.recipe import preset, setting

FILE = "file:"
"""Prefix of the name of a teacher that is read from a bundle instead of trained."""

PRETRAINED = "torchvision:"
"""Prefix of the name of a teacher with torchvision's ImageNet weights."""

AS_WRITTEN = (FILE, PRETRAINED, "py:")
"""Prefixes of names that are not parsed here. "py:" would import the user's code, and a set may name it."""


@dataclass(frozen=True, kw_only=True)
class TeacherSettings(PlainExperts):
    """Settings of teachers: their networks, and those of plain experts with the usual values for CIFAR (SRe2L's).

    The lr falls from `lr` to 0 along half a cosine, epoch by epoch. `count` is the number of teachers of each network.
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
            raise RecipeError("key 'experts.nets': names no network; name at least one, as in resnet18(norm=batch)")
        teachers = [name if name.startswith(AS_WRITTEN) else net_spec(parse_net(name)) for name in self.named]
        if len(set(teachers)) < len(teachers):
            raise RecipeError("key 'experts.nets': names one network twice; use experts.count for several teachers")

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
