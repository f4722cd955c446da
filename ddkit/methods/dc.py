"""DC: Dataset Condensation with Gradient Matching (Zhao et al., ICLR 2021)."""

from dataclasses import dataclass
from typing import ClassVar, final

from ddkit.methods.gradient import GradientMatching, GradientSettings
from ddkit.recipe import preset


@dataclass(frozen=True, kw_only=True)
class DCSettings(GradientSettings):
    """Settings of DC: initial images are noise. Only the evaluation uses the recipe's augmentation."""

    name: ClassVar[str] = "dc"
    pix_init: str = preset(GradientSettings, "pix_init", "noise")


@final
class DC(GradientMatching):
    """Gradient matching without augmentation."""

    settings_class = DCSettings
