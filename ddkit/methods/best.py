"""best: a combination of published changes to MTT, chosen by validation accuracy.

The defaults are the combination for digits at one image a class: FTD's flat experts and moving average, k-means initial
images, and DATM's learned soft labels, which start at the experts' mean logits. Recipes for other data use other
combinations. The header of each recipe names its combination and the measurements behind it.
"""

from dataclasses import dataclass
from typing import ClassVar, final

from ddkit.methods.trajectory import TrajectoryMatching
from ddkit.methods.trajectory_settings import TrajectorySettings
from ddkit.recipe import preset


@dataclass(frozen=True, kw_only=True)
class BestSettings(TrajectorySettings):
    """Settings of best. Its experts are flat unless the recipe sets another kind."""

    name: ClassVar[str] = "best"
    expert_kind: ClassVar[str | None] = "flat"
    pix_init: str = preset(TrajectorySettings, "pix_init", "kmeans")
    soft_labels: bool = preset(TrajectorySettings, "soft_labels", True)
    lr_y: float = preset(TrajectorySettings, "lr_y", 1.0)
    ema_decay: float = preset(TrajectorySettings, "ema_decay", 0.99)


@final
class Best(TrajectoryMatching):
    """Trajectory matching with learned labels that starts at k-means images. The set is the moving average."""

    settings_class = BestSettings
