"""EDF: Emphasizing Discriminative Features for Dataset Distillation (Wang et al., CVPR 2025), its matching loss.

EDF makes two changes to DATM. The quarter of the parameters with the smallest differences to the target is left out of
the matching loss (`matching`); this file has that change. The gradient of the images is multiplied by a Grad-CAM mask
of a ResNet; ddkit does not have that change.
"""

from dataclasses import dataclass
from typing import ClassVar, final

from ddkit.methods.datm import DATMSettings
from ddkit.methods.trajectory import TrajectoryMatching
from ddkit.methods.trajectory_settings import TrajectorySettings
from ddkit.recipe import preset


@dataclass(frozen=True, kw_only=True)
class EDFSettings(DATMSettings):
    """Settings of EDF's loss, and otherwise those of DATM. Its threshold is 1.5 in the authors' settings."""

    name: ClassVar[str] = "edf"
    largest: float = preset(TrajectorySettings, "largest", 0.75)
    threshold: float | None = preset(TrajectorySettings, "threshold", 1.5)


@final
class EDF(TrajectoryMatching):
    """DATM that matches the three quarters of the parameters with the largest differences."""

    settings_class = EDFSettings
