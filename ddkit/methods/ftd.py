"""FTD: Minimizing the Accumulated Trajectory Error (Du et al., CVPR 2023).

FTD makes two changes to MTT. The experts are flat (adaptive GSAM, `ddkit.experts.flat`), so that a student with small
errors stays near them. The set is the exponential moving average of the synthetic images, with
ema <- d ema + (1 - d) images after each iteration. The learned lr is not averaged, as published.

Our average differs from the published one. The published average starts at the initial images, which keep the weight
d^T after T iterations: 0.61 for the paper's d = 0.9999 and T = 5000. The published evaluation hides this, because it
trains a network on the average that it has already trained on the last iterate. Our average starts at 0 and is divided
by its total weight, as in Adam.
"""

from dataclasses import dataclass
from typing import ClassVar, final

from ddkit.methods.trajectory import TrajectoryMatching
from ddkit.methods.trajectory_settings import TrajectorySettings
from ddkit.recipe import preset


@dataclass(frozen=True, kw_only=True)
class FTDSettings(TrajectorySettings):
    """Settings of FTD. Its experts are flat."""

    name: ClassVar[str] = "ftd"
    expert_kind: ClassVar[str | None] = "flat"
    ema_decay: float = preset(TrajectorySettings, "ema_decay", 0.9995)


@final
class FTD(TrajectoryMatching):
    """MTT with flat experts. The set is the moving average of the iterates, without the initial images."""

    settings_class = FTDSettings
