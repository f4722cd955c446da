"""best: a composition of published pieces that validation accuracy chose; the recipes have several, each header says
which. At ten Fashion-MNIST images a class it is AST with FTD's moving average. The defaults are those for one digit a
class:

FTD's flat experts and moving average; k-means initial images; DATM's learned soft labels, begun at the experts' mean
logits. On the validation part of digits (142 images, mostly two sets each) it had 93.2 % at one image a class, where
mtt, ftd, ast and datm had 91.2 to 92.3, and 98.4 % at ten, where they had 95.9 to 98.1; it was the best of four
compositions and of two, hence favoured there. On the test part, over three sets, it is not told apart from ftd and datm
(headers of the recipes best-digits-*): so far it is a good beginning and no winner.
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
