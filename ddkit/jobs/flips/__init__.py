"""Whether images may be mirrored: the rule, and a measurement for datasets that do not state it."""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.jobs.flips.guard import (
        OVERRIDE,
        augmentation_flips,
        guard_flips,
        reason_against_flips,
        refuse_harmful_flips,
    )

__all__ = [
    "OVERRIDE",
    "augmentation_flips",
    "guard_flips",
    "reason_against_flips",
    "refuse_harmful_flips",
]
