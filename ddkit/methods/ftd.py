"""FTD: Minimizing the Accumulated Trajectory Error (Du et al., CVPR 2023).

Two changes to MTT: the experts are flat (adaptive GSAM, `ddkit.experts.flat`), so that a student that errs a little
stays near them; and the set is the exponential moving average of the synthetic images.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

from torch import Tensor

from ddkit.methods.contract import Context
from ddkit.methods.trajectory import TrajectoryMatching, TrajectorySettings, TrajectoryState
from ddkit.recipe import setting
from ddkit.synth import SyntheticSet


@dataclass(frozen=True, kw_only=True)
class FTDSettings(TrajectorySettings):
    """Settings of FTD; its experts are flat."""

    name: ClassVar[str] = "ftd"
    expert_kind: ClassVar[str | None] = "flat"
    ema_decay: float = setting(0.9995, at_least=0, below=1, help="decay of the images' moving average, an iteration")


@dataclass(frozen=True)
class FTDState:
    """MTT's state and the moving average of the images."""

    matching: TrajectoryState
    ema: Tensor


@final
class FTD:
    """MTT's iteration, then ema <- d ema + (1 - d) images. The learned lr is not averaged, as published."""

    settings_class = FTDSettings
    state_class = FTDState
    blame = "lower method.lr_img, or method.lr_lr if the learned lr ran away"

    def __init__(self, settings: FTDSettings, context: Context) -> None:
        self._settings, self._context = settings, context
        self._matching = TrajectoryMatching(settings, context)

    @property
    def iterations(self) -> int:
        return self._settings.iterations

    def init(self) -> FTDState:
        matching = self._matching.init()
        return FTDState(matching, matching.images)

    def step(self, state: FTDState) -> tuple[FTDState, Mapping[str, Tensor | float]]:
        matching, metrics = self._matching.step(state.matching)
        decay = self._settings.ema_decay
        return FTDState(matching, decay * state.ema + (1 - decay) * matching.images), metrics

    def finish(self, state: FTDState) -> SyntheticSet:
        return self._context.as_set(self._settings, state.ema, lr=float(state.matching.log_lr.exp()))
