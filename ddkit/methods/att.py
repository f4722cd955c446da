"""ATT: Dataset Distillation by Automatic Training Trajectories (Liu et al., ECCV 2024).

ATT makes one change to FTD: the student's iterate that is nearest to the target by L1 distance is matched, not the
last one (`matching`). The paper argues that a fixed number of steps is too long for some start epochs and too short
for others. The published code computes the graph of the later steps and throws it away; ours does not compute it.
"""

from dataclasses import dataclass
from typing import ClassVar, final

from ddkit.methods.ftd import FTDSettings
from ddkit.methods.trajectory import TrajectoryMatching
from ddkit.methods.trajectory_settings import TrajectorySettings
from ddkit.recipe import preset


@dataclass(frozen=True, kw_only=True)
class ATTSettings(FTDSettings):
    """Settings of ATT. Its experts are FTD's flat ones."""

    name: ClassVar[str] = "att"
    match: str = preset(TrajectorySettings, "match", "nearest")


@final
class ATT(TrajectoryMatching):
    """FTD that matches the iterate nearest to the target."""

    settings_class = ATTSettings
