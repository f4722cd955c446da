"""Whether images may be mirrored: the rule, and the measurement where nobody says it."""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.jobs.flips.guard import OVERRIDE, augmentation_flips, guard_flips, refuse_harmful_flips, why_no_flips

__all__ = [
    "OVERRIDE",
    "augmentation_flips",
    "guard_flips",
    "refuse_harmful_flips",
    "why_no_flips",
]
