"""DATM: Towards Lossless Dataset Distillation via Difficulty-Aligned Trajectory Matching (Guo et al., ICLR 2024).

Four changes to FTD: start epochs come from a window that suits the size of the set and may grow (`start_epoch`); the
images begin at real ones that an expert classifies correctly; labels are soft, begun at the experts' mean logits, and
learned (`initial`, `teachers`); an iteration whose loss exceeds a threshold changes nothing. There is no moving
average: the option stands in the authors' settings, and their code does not read it.
"""

from dataclasses import dataclass
from typing import ClassVar, final

from ddkit.methods.trajectory import TrajectoryMatching, TrajectorySettings
from ddkit.recipe import preset


@dataclass(frozen=True, kw_only=True)
class DATMSettings(TrajectorySettings):
    """Settings of DATM; its experts are FTD's flat ones, trained for 100 epochs, at whose end they teach."""

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
    """Difficulty-aligned trajectory matching; the set is the last iterate, its labels are probabilities."""

    settings_class = DATMSettings
