"""MTT: Dataset Distillation by Matching Training Trajectories (Cazenavette et al., CVPR 2022)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

from torch import Tensor

from ddkit.methods.contract import Context
from ddkit.methods.trajectory import TrajectoryMatching, TrajectorySettings, TrajectoryState
from ddkit.synth import SyntheticSet


@dataclass(frozen=True, kw_only=True)
class MTTSettings(TrajectorySettings):
    """Settings of MTT; its experts are plain."""

    name: ClassVar[str] = "mtt"
    expert_kind: ClassVar[str | None] = "plain"


@final
class MTT:
    """Trajectory matching and nothing else: the set is the last iterate (the papers keep the best on the test set)."""

    settings_class = MTTSettings
    state_class = TrajectoryState
    blame = "lower method.lr_img, or method.lr_lr if the learned lr ran away"

    def __init__(self, settings: MTTSettings, context: Context) -> None:
        self._settings, self._context = settings, context
        self._matching = TrajectoryMatching(settings, context)

    @property
    def iterations(self) -> int:
        return self._settings.iterations

    def init(self) -> TrajectoryState:
        return self._matching.init()

    def step(self, state: TrajectoryState) -> tuple[TrajectoryState, Mapping[str, Tensor | float]]:
        return self._matching.step(state)

    def finish(self, state: TrajectoryState) -> SyntheticSet:
        return self._context.as_set(self._settings, state.images, lr=float(state.log_lr.exp()))
