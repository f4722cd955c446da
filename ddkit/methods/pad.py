"""PAD: Prioritize Alignment in Dataset Distillation (Li et al., 2024).

PAD makes two changes to DATM. The experts see easy images first, and later only hard ones (`ddkit.experts.curriculum`).
The parameters of the shallow layers are left out of the matching loss (`matching`). The share to leave out grows with
the size of the set: 0 at one image a class of CIFAR-10, a quarter at ten and fifty, a half and three quarters above.

The released code differs: it does not read its setting for the depth, and leaves out the parameters with the smallest
differences instead, which is method.largest here.
"""

from dataclasses import dataclass
from typing import ClassVar, final

from ddkit.methods.datm import DATMSettings
from ddkit.methods.trajectory import TrajectoryMatching
from ddkit.methods.trajectory_settings import TrajectorySettings
from ddkit.recipe import preset


@dataclass(frozen=True, kw_only=True)
class PADSettings(DATMSettings):
    """Settings of PAD, and otherwise those of DATM."""

    name: ClassVar[str] = "pad"
    expert_kind: ClassVar[str | None] = "curriculum"
    skip_shallow: float = preset(TrajectorySettings, "skip_shallow", 0.25)


@final
class PAD(TrajectoryMatching):
    """DATM with experts of a curriculum, that does not match the parameters of shallow layers."""

    settings_class = PADSettings
