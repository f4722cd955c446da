"""DATM: Towards Lossless Dataset Distillation via Difficulty-Aligned Trajectory Matching (Guo et al., ICLR 2024).

DATM makes four changes to FTD. Start epochs come from a window that depends on the size of the set and may grow
(`start_epoch`). The initial images are real ones that an expert classifies correctly. Labels are soft: they start at
the experts' mean logits and are learned (`initial_by_experts`). An iteration whose loss exceeds a threshold changes
nothing. There is no moving average: the authors' settings have the option, but their code does not read it.
"""

from dataclasses import dataclass
from typing import ClassVar, final

from ddkit.methods.trajectory import TrajectoryMatching
from ddkit.methods.trajectory_settings import TrajectorySettings
from ddkit.recipe import preset


@dataclass(frozen=True, kw_only=True)
class DATMSettings(TrajectorySettings):
    """Settings of DATM. Its experts are FTD's flat ones; after 100 epochs they choose initial images and labels."""

    name: ClassVar[str] = "datm"
    expert_kind: ClassVar[str | None] = "flat"
    iterations: int = preset(TrajectorySettings, "iterations", 10_000)
    syn_steps: int = preset(TrajectorySettings, "syn_steps", 80)
    pix_init: str = preset(TrajectorySettings, "pix_init", "samples_predicted_correctly")
    soft_labels: bool = preset(TrajectorySettings, "soft_labels", True)
    teacher_epoch: int | None = preset(TrajectorySettings, "teacher_epoch", 100)
    lr_y: float = preset(TrajectorySettings, "lr_y", 2.0)
    threshold: float | None = preset(TrajectorySettings, "threshold", 1.0)


@final
class DATM(TrajectoryMatching):
    """Difficulty-aligned trajectory matching. The set is the last iterate, and its labels are probabilities."""

    settings_class = DATMSettings
