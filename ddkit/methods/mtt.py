"""MTT: Dataset Distillation by Matching Training Trajectories (Cazenavette et al., CVPR 2022)."""

from dataclasses import dataclass
from typing import ClassVar, final

from ddkit.methods.trajectory import TrajectoryMatching, TrajectorySettings


@dataclass(frozen=True, kw_only=True)
class MTTSettings(TrajectorySettings):
    """Settings of MTT; its experts are plain."""

    name: ClassVar[str] = "mtt"
    expert_kind: ClassVar[str | None] = "plain"


@final
class MTT(TrajectoryMatching):
    """Trajectory matching and nothing else: the set is the last iterate (the papers keep the best on the test set)."""

    settings_class = MTTSettings
