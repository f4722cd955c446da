"""The settings that all methods share which learn images from initial ones."""

from dataclasses import dataclass

from ddkit.methods.formation import Formation
from ddkit.methods.fyi import Flipping
from ddkit.methods.initial import InitialImages


@dataclass(frozen=True, kw_only=True)
class LearnedImages(InitialImages, Formation, Flipping):
    """Initial images, and the images that the distillation makes of learned ones: enlarged first, then mirrored."""
