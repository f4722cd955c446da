"""best: the composition of published pieces that validation accuracy chose.

FTD's flat experts and moving average; k-means initial images; DATM's learned soft labels, begun at the experts' mean
logits. The choice was made on the validation parts of small sets only, whose recipes (best-*) hold the figures: labels
that tell how the classes resemble each other were worth the most, then what the images begin at. At one image a class
on digits AST's smooth experts and student did better than flat experts, and that recipe takes them.
"""

from dataclasses import dataclass
from typing import ClassVar, final

from ddkit.methods.trajectory import TrajectoryMatching, TrajectorySettings
from ddkit.recipe import preset


@dataclass(frozen=True, kw_only=True)
class BestSettings(TrajectorySettings):
    """Settings of best; its experts are flat unless the recipe says otherwise."""

    name: ClassVar[str] = "best"
    expert_kind: ClassVar[str | None] = "flat"
    pix_init: str = preset(TrajectorySettings, "pix_init", "kmeans")
    soft_labels: bool = preset(TrajectorySettings, "soft_labels", True)
    lr_y: float = preset(TrajectorySettings, "lr_y", 1.0)
    ema_decay: float = preset(TrajectorySettings, "ema_decay", 0.99)


@final
class Best(TrajectoryMatching):
    """Trajectory matching with learned labels on k-means images; the set is the moving average."""

    settings_class = BestSettings
