"""AST: Efficient Dataset Distillation through Alignment with Smooth and High-Quality Expert Trajectories (Shen et al.,
2023).

Five changes to MTT: the experts are smooth (a loss that warms up and a gradient penalty, `ddkit.experts.objective`);
the images begin near cluster centres of an expert's logits (`initial`); the student has momentum, a loss balanced by
its start epoch and a perturbed start, and meets the expert's epochs on the way (`student`).

The released code cannot start (it imports a module that is not there); formulas and settings are those of its source.
"""

from dataclasses import dataclass
from typing import ClassVar, final

from ddkit.methods.trajectory import TrajectoryMatching, TrajectorySettings
from ddkit.recipe import preset


@dataclass(frozen=True, kw_only=True)
class ASTSettings(TrajectorySettings):
    """Settings of AST, with all its pieces switched on; its experts are smooth."""

    name: ClassVar[str] = "ast"
    expert_kind: ClassVar[str | None] = "smooth"
    pix_init: str = preset(TrajectorySettings, "pix_init", "representative")
    syn_momentum: float = preset(TrajectorySettings, "syn_momentum", 0.9)
    weight_perturb: float = preset(TrajectorySettings, "weight_perturb", 1.0)
    balance_loss: bool = preset(TrajectorySettings, "balance_loss", True)
    middle_loss: str = preset(TrajectorySettings, "middle_loss", "agg")


@final
class AST(TrajectoryMatching):
    """Trajectory matching with AST's student on smooth experts; the set is the last iterate."""

    settings_class = ASTSettings
