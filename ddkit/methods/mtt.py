"""MTT: Dataset Distillation by Matching Training Trajectories (Cazenavette et al., CVPR 2022)."""

from dataclasses import dataclass
from typing import ClassVar, final

from ddkit.methods.trajectory import TrajectoryMatching
from ddkit.methods.trajectory_settings import TrajectorySettings


@dataclass(frozen=True, kw_only=True)
class MTTSettings(TrajectorySettings):
    """Settings of MTT. Its experts are plain."""

    name: ClassVar[str] = "mtt"
    expert_kind: ClassVar[str | None] = "plain"


@final
class MTT(TrajectoryMatching):
    """Plain trajectory matching. The set is the last iterate (the papers keep the best iterate on the test set)."""

    settings_class = MTTSettings
