"""TESLA: Scaling Up Dataset Distillation to ImageNet-1K with Constant Memory (Cui et al., ICML 2023).

TESLA makes two changes to MTT. The gradient treats every iterate of the student as a constant (`matching`). The paper
calls that exact; it is an approximation, and the exact gradient (method.gradient=exact) needs no more memory in ddkit.
Each student's target labels the images (`target_labels`). The published code loses a factor of two of the image
gradient; ours does not.
"""

from dataclasses import dataclass
from typing import ClassVar, final

from ddkit.methods.trajectory import TrajectoryMatching
from ddkit.methods.trajectory_settings import TrajectorySettings
from ddkit.recipe import preset


@dataclass(frozen=True, kw_only=True)
class TESLASettings(TrajectorySettings):
    """Settings of TESLA. Its experts are MTT's plain ones."""

    name: ClassVar[str] = "tesla"
    expert_kind: ClassVar[str | None] = "plain"
    iterations: int = preset(TrajectorySettings, "iterations", 10_000)
    gradient: str = preset(TrajectorySettings, "gradient", "detached")
    soft_labels: bool = preset(TrajectorySettings, "soft_labels", True)
    target_labels: bool = preset(TrajectorySettings, "target_labels", True)


@final
class TESLA(TrajectoryMatching):
    """MTT with a gradient that ignores second derivatives of the student's walk, and with labels of the targets."""

    settings_class = TESLASettings
