"""AST: Efficient Dataset Distillation through Alignment with Smooth and High-Quality Expert Trajectories (Shen et al.,
2023).

AST makes five changes to MTT. The experts are smooth: their loss warms up and has a gradient penalty
(`ddkit.experts.objective`). The initial images are near cluster centres of an expert's logits (`initial_by_experts`).
The student has momentum, a perturbed start and a loss balanced by its start epoch, and the loss also compares it with
the expert's epochs between start and target (`student`).

The released code cannot start, because it imports a module that does not exist. Formulas and settings here are those of
its source.
"""

from dataclasses import dataclass
from typing import ClassVar, final

from ddkit.methods.trajectory import TrajectoryMatching
from ddkit.methods.trajectory_settings import TrajectorySettings
from ddkit.recipe import preset


@dataclass(frozen=True, kw_only=True)
class ASTSettings(TrajectorySettings):
    """Settings of AST: all its changes are enabled, and its experts are smooth."""

    name: ClassVar[str] = "ast"
    expert_kind: ClassVar[str | None] = "smooth"
    pix_init: str = preset(TrajectorySettings, "pix_init", "representative")
    syn_momentum: float = preset(TrajectorySettings, "syn_momentum", 0.9)
    weight_perturb: float = preset(TrajectorySettings, "weight_perturb", 1.0)
    balance_loss: bool = preset(TrajectorySettings, "balance_loss", True)
    middle_loss: str = preset(TrajectorySettings, "middle_loss", "agg")


@final
class AST(TrajectoryMatching):
    """Trajectory matching with AST's student and smooth experts. The set is the last iterate."""

    settings_class = ASTSettings
