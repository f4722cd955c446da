"""Normalisation layers by the field's names."""

from __future__ import annotations

from torch import nn

from ddkit.errors import UsageError

NORMS = ("instance", "batch", "layer", "group", "none")
GROUPS = 4


def norm_layer(net: str, kind: str, channels: int, height: int, width: int) -> list[nn.Module]:
    """The normalisation after a convolution whose maps are `channels` x `height` x `width`; no layer for "none".

    "instance" is what the field calls so: GroupNorm with one channel a group and a learned scale and shift, the same
    in training and evaluation. "layer" has a learned scale and shift for each value of the map.

    Raises:
        UsageError: the groups do not divide the channels, or would hold one value, whose normalised value is always 0.
    """
    if kind == "none":
        return []
    if kind == "batch":
        return [nn.BatchNorm2d(channels)]
    groups = {"instance": channels, "group": GROUPS, "layer": 1}[kind]
    if channels % groups:
        raise UsageError(f"{net}: norm=group needs a width that {groups} divides, got {channels}; change the width")
    if channels // groups * height * width == 1:
        raise UsageError(
            f"{net}: norm={kind} would see a single value a group, as maps have shrunk to 1x1; "
            "use larger images, a shallower network or norm=batch"
        )
    if kind == "layer":
        return [nn.LayerNorm([channels, height, width])]
    return [nn.GroupNorm(groups, channels)]
