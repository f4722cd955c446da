"""Normalisation layers by the names that published code uses."""

from __future__ import annotations

from torch import nn

from ddkit.errors import UsageError

NORMS = ("instance", "batch", "layer", "group", "none")
GROUPS = 4


def norm_layer(net: str, kind: str, channels: int, height: int, width: int) -> list[nn.Module]:
    """Return the normalisation after a convolution with maps `channels` x `height` x `width`; no layer for "none".

    "instance" is, as in published code, GroupNorm with one channel in each group and a learned scale and shift. It is
    the same in training and evaluation. "layer" has a learned scale and shift for each value of the map.

    Raises:
        UsageError: the groups do not divide the channels, or have a single value, which normalisation would set to 0.
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
            f"{net}: norm={kind} would have a single value in each group, since maps are 1x1; "
            "use larger images, a shallower network or norm=batch"
        )
    if kind == "layer":
        return [nn.LayerNorm([channels, height, width])]
    return [nn.GroupNorm(groups, channels)]
