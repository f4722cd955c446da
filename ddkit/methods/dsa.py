"""DSA: Dataset Condensation with Differentiable Siamese Augmentation (Zhao and Bilen, ICML 2021)."""

from dataclasses import dataclass
from typing import ClassVar, final

from ddkit.methods.gradient import GradientMatching, GradientSettings
from ddkit.recipe import preset


@dataclass(frozen=True, kw_only=True)
class DSASettings(GradientSettings):
    """Settings of DSA: DC on augmented images. The initial images are real."""

    name: ClassVar[str] = "dsa"
    augmented: bool = preset(GradientSettings, "augmented", True)


@final
class DSAMatching(GradientMatching):
    """Gradient matching with the recipe's augmentation. The real and the synthetic batch share its parameters."""

    settings_class = DSASettings
