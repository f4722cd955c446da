"""A third party's augmentation: images are multiplied by a number between 1/2 and 1."""

from ddkit.data.augment_operations import Operation

DIM = Operation(
    draw=lambda uniform, side: 0.5 + 0.5 * uniform[..., :1],
    run=lambda x, values: x * values[..., :1, None, None].to(x.dtype),
)
