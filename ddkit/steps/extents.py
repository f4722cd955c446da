"""Checks the arguments of kernels: types and sizes of the tensors that a kernel reads and writes."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from ddkit.steps.precision import real_of

LARGEST = 2**31 - 1
"""Largest int in C."""

WHOLE = 16
"""Filters are rounded up to a multiple of it, which is a multiple of the lanes of every vector."""

PANELS = 32
"""Winograd's kernels need channels and filters in multiples of it: two vectors of the widest processor."""

MAPS = {"map", "pooled", "out"}
"""Kinds of tensors with the type of maps; all others have the type of sums."""

MEANS = {"means", "tangent means"}
"""Kinds of tensors in which the kernels in C keep numbers between their passes. A Triton kernel has them in registers.
"""


@dataclass(frozen=True)
class Kernel:
    """A function in C: its arguments after the shape, in this order, and whether it allocates memory.

    Kinds of tensors are map [B, H, W, C], pooled [B, H/2, W/2, C], channels [C], statistics [B, C], sums [B, 2, C],
    means [2, B, C] and tangent means [4, B, C].
    Convolutions also have out [B, H + 2 pad - 2, W + 2 pad - 2, filters], weights [3, 3, C, stride],
    few [filters, 3, 3, C] and groups [groups, 3, 3, C, stride]. Winograd's have points [points, C, filters] and
    taps [filters, C, 3, 3]. Where maps are a weight [O, C, 3, 3], there are points_of_weight [points, O, C],
    along [3, 3, C, O rounded up] and back ([C, 3, 3, O], or [3, 3, O, C rounded up]).
    """

    numbers: tuple[str, ...]
    tensors: tuple[str, ...]
    allocates: bool = False

    def checked(
        self, name: str, like: Tensor, arguments: tuple[Tensor | int, ...], maps: torch.dtype, networks: int = 1
    ) -> tuple[Tensor, ...]:
        """Return the tensors among the arguments, after checking them for maps of the shape of `like` [B, H, W, C].

        Of several networks, every tensor must consist of as many equal parts. All must be on the device of `like`.

        Raises:
            ValueError: an argument does not fit.
        """
        split = len(self.numbers)
        numbers, tensors = arguments[:split], arguments[split:]
        if len(tensors) != len(self.tensors):
            raise ValueError(_misfit(name, networks))
        on_cpu, expected = like.is_cpu, _expected(name, like.shape, numbers, maps, networks)
        for tensor, (kind, count, dtype) in zip(tensors, expected, strict=True):
            if not (
                isinstance(tensor, Tensor)
                and tensor.dtype is dtype
                and tensor.numel() == count
                and tensor.is_contiguous()
                and (tensor.is_cpu if on_cpu else tensor.device == like.device)  # a device costs a microsecond
            ):
                raise ValueError(_wrong(name, f"{kind} must be {count:,} numbers of {dtype} on {like.device}", tensor))
        return tensors  # type: ignore[return-value]  # the loop has seen each


NORM, STATS = ("images", "together"), ("statistics", "statistics")

KERNELS = {
    "forward": Kernel(NORM, ("map", "channels", "channels", "pooled", *STATS)),
    "backward": Kernel(NORM, ("map", "pooled", "channels", "channels", *STATS, "means", "map", "sums")),
    "forward_tangent": Kernel(NORM, ("map", "map", *["channels"] * 4, *STATS, "pooled", *STATS)),
    "backward_tangent": Kernel(
        NORM,
        (*["map"] * 2, *["pooled"] * 2, *["channels"] * 3, *STATS, *STATS, "tangent means", "map", "map", "sums"),
    ),
    "convolve": Kernel(("pad", "filters", "stride", "add"), ("map", "weights", "out"), allocates=True),
    "convolve_few": Kernel(("pad", "filters", "add"), ("map", "few", "out"), allocates=True),
    "direct_weight": Kernel(("few",), ("map", "along", "back")),
    "pull_weight": Kernel(("pad", "filters", "stride", "groups"), ("map", "out", "groups"), allocates=True),
    "winograd": Kernel(("pad", "filters", "pairs"), (*["map", "points"] * 2, "out"), allocates=True),
    "winograd_weight": Kernel((), ("map", "points_of_weight", "points_of_weight")),
    "winograd_pull_weight": Kernel(("pad", "filters", "pairs"), (*["map", "out"] * 2, "taps"), allocates=True),
}
"""Name -> kernel."""


def points(maps: torch.dtype) -> int:
    """Return the number of Winograd's points: those of F(4x4, 3x3) for bfloat16, of F(2x2, 3x3) otherwise."""
    return 36 if maps == torch.bfloat16 else 16


def whole(filters: int) -> int:
    """Round up to whole vectors."""
    return -(-filters // WHOLE) * WHOLE


def _wrong(name: str, expected: str, found: Tensor | int) -> str:
    got = repr(found)
    if isinstance(found, Tensor):
        layout = "" if found.is_contiguous() else ", not contiguous"
        got = f"{found.dtype} {list(found.shape)} on {found.device}{layout}"
    return f"kernel '{name}': {expected}, contiguous, got {got}"


def _misfit(name: str, networks: int) -> str:
    kernel = KERNELS[name]
    return f"kernel '{name}' needs maps [B, H, W, C] of {networks} networks, {kernel.numbers} and {kernel.tensors}"


@lru_cache(maxsize=1024)
def _expected(
    name: str, shape: tuple[int, ...], numbers: tuple[Any, ...], maps: torch.dtype, networks: int
) -> tuple[tuple[str, int, torch.dtype], ...]:
    """Return kind, number of elements and type of each tensor. Only the first call for maps of a shape computes them.

    Raises:
        ValueError: the shape or a number does not fit.
    """
    kernel = KERNELS[name]
    if len(shape) != 4 or shape[0] % networks:
        raise ValueError(_misfit(name, networks))
    own = (shape[0] // networks, *shape[1:])
    counts = _counts(name, own, **dict(zip(kernel.numbers, numbers, strict=True)))
    for kind in ("points", "points_of_weight"):
        counts[kind] *= points(maps)
    return tuple((kind, networks * counts[kind], maps if kind in MAPS else real_of(maps)) for kind in kernel.tensors)


def _counts(
    name: str,
    shape: tuple[int, ...],
    *,
    pad: int = 1,
    filters: int = 1,
    stride: int | None = None,
    groups: int = 0,
    add: int = 0,
    images: int = 1,
    together: int = 1,
    pairs: int = 1,
    few: int = 0,
) -> dict[str, int]:
    """Return the number of elements of a tensor of each kind; of Winograd's, the number for one point.

    Raises:
        ValueError: the output would be empty, or a number does not fit into an int in C.
    """
    batch, height, width, channels = shape
    if stride is None:  # the kernel has no stride
        stride = 0
    elif stride < max(1, filters) or stride % WHOLE:
        raise ValueError(f"kernel '{name}': a stride must be a multiple of {WHOLE} from {filters} on, got {stride}")
    if images < 1 or batch % images or together < 0 or (together and channels % together):
        raise ValueError(f"kernel '{name}': {images} images and {together} channels do not divide maps {list(shape)}")
    out_height, out_width = height + 2 * pad - 2, width + 2 * pad - 2
    frame = (height + 2 * pad) * (width + 2 * pad) * channels
    images = max(1, batch)
    largest = max(
        frame, height * width * max(channels, stride, filters), 2 * images * channels, 8 * images, images * groups
    )
    largest = max(largest, out_height * out_width * max(stride, filters), 9 * channels * max(filters, stride))
    largest = max(largest, images * (out_height + 1) * (out_width + 1))
    if min(height + 2 * pad, width + 2 * pad) < 3 or channels < 1 or filters < 1 or groups < 0 or largest > LARGEST:
        raise ValueError(f"kernel '{name}': cannot run on maps {list(shape)} with pad {pad} and {filters} filters")
    if name == "convolve_few" and channels % WHOLE:
        raise ValueError(f"kernel '{name}': channels must be a multiple of {WHOLE}, got {channels}")
    if name in ("winograd", "winograd_pull_weight") and (channels % PANELS or filters % PANELS or pairs not in (1, 2)):
        raise ValueError(
            f"kernel '{name}': channels and filters must be multiples of {PANELS}, and pairs 1 or 2, "
            f"got {channels}, {filters} and {pairs}"
        )
    if name == "direct_weight" and (width, channels) != (3, 3):
        raise ValueError(f"kernel '{name}': a weight must be [O, C, 3, 3], got {list(shape)}")
    if name == "winograd_weight" and (batch % PANELS or height % PANELS or (width, channels) != (3, 3)):
        raise ValueError(f"kernel '{name}': a weight must be [{PANELS} m, {PANELS} n, 3, 3], got {list(shape)}")
    return {
        "map": math.prod(shape),
        "pooled": batch * (height // 2) * (width // 2) * channels,
        "channels": channels,
        "statistics": batch * channels,
        "sums": 2 * batch * channels,
        "means": 2 * batch * channels,
        "tangent means": 4 * batch * channels,
        "out": batch * out_height * out_width * filters,
        "weights": 9 * channels * stride,
        "few": 9 * channels * filters,
        "groups": groups * 9 * channels * stride,
        "points": channels * filters,
        "taps": 9 * channels * filters,
        "along": 9 * height * whole(batch),
        "back": 9 * batch * (height if few else whole(height)),
        "points_of_weight": batch * height,
    }
