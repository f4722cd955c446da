"""Differentiable siamese augmentation (DSA; Zhao and Bilen, ICML 2021), as MTT and later methods use it.

One operation is chosen for a whole batch, uniformly from the strategy (mode "S" of the authors). Strategies joined by
+ are applied one after another: "flip+color_crop" mirrors an image with probability 1/2, independently of the second
strategy, as in FYI's code; "flip_color_crop" mirrors it with probability 1/6. Parameters are drawn first (`DSA.sample`)
and applied later (`DSA.apply`), so that the real and the synthetic batch can share them, and a run can repeat them.
Images are in the space of the network's inputs (normalised or whitened). Nothing is clamped, and pixels from outside
the image are 0. The operations are in `augment_operations`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from ddkit.data.augment_operations import Operation, Side, nearest_operations, operation
from ddkit.device_copy import to_device
from ddkit.errors import UsageError


@dataclass(frozen=True, eq=False)
class DSAParams:
    """The parameters of N batches. Indexing and slicing select batches and keep the axis.

    `ops` are the batches' operations ("" is the identity). `values` are the operation's parameters, at most three, for
    each sample, or once for all samples of a batch (siamese, B = 1):

        color   brightness added, saturation factor, contrast factor
        crop    rows and columns (whole pixels) by which the window moves down and right
        cutout  first row and first column of the erased box, which may be outside the image
        flip    1 if mirrored, else 0
        scale   factors of the sampling grid in x and in y: below 1 zooms in
        rotate  angle in radians

    `then` are the parameters of the next strategy, in strategies joined by +.
    """

    ops: tuple[str, ...]
    values: Float[Tensor, "n b 3"]
    side: Side
    then: DSAParams | None = None

    def __len__(self) -> int:
        return len(self.ops)

    def __getitem__(self, batches: int | slice) -> DSAParams:
        if isinstance(batches, int):
            first = range(len(self))[batches]  # an IndexError where there is no such batch
            batches = slice(first, first + 1)
        return DSAParams(self.ops[batches], self.values[batches], self.side, self.then and self.then[batches])

    def rows(self, samples: slice) -> DSAParams:
        """The parameters of these images of each batch."""
        return DSAParams(self.ops, self.values[:, samples], self.side, self.then and self.then.rows(samples))

    def to(self, device: torch.device) -> DSAParams:
        """The same parameters on the device, so that they are copied only once."""
        return DSAParams(self.ops, to_device(self.values, device), self.side, self.then and self.then.to(device))

    @staticmethod
    def join(parts: Sequence[DSAParams]) -> DSAParams:
        """Concatenate the batches of several parameters of the same strategy, image size and batch size."""
        ops = tuple(op for part in parts for op in part.ops)
        later = [part.then for part in parts if part.then is not None]
        then = DSAParams.join(later) if later else None
        return DSAParams(ops, torch.cat([part.values for part in parts]), parts[0].side, then)


class DSA:
    """The augmentation of a strategy such as "color_crop_cutout_flip_scale_rotate", in any order; "" is none.

    Attributes:
        strategy: the text.
        groups: for each of the strategies joined by +, the operations from which one is chosen.
        ops: all operations in the given order.
        flip_share: the probability with which an image is mirrored.
        flips: whether this probability is above 0.

    Raises:
        UsageError: an operation is unknown, or occurs twice.
    """

    def __init__(self, strategy: str) -> None:
        self.strategy = strategy
        self.groups = tuple(tuple(group.split("_")) for group in strategy.split("+")) if strategy else ((),)
        self.ops = tuple(op for group in self.groups for op in group)
        for i, name in enumerate(self.ops):
            if operation(name) is None:
                raise UsageError(
                    f"augmentation strategy {strategy!r}: unknown operation {name!r}; {nearest_operations(name)}"
                )
            if name in self.ops[:i]:
                raise UsageError(f"augmentation strategy {strategy!r}: names {name!r} twice; name it once")
        self.flip_share = sum((0.5 / len(group) for group in self.groups if "flip" in group), 0.0)
        self.flips = self.flip_share > 0

    def sample(self, generator: Generator, batches: int, batch_size: int | None, side: Side) -> DSAParams:
        """Draw the parameters of `batches` batches of images with `side` = (height, width).

        With a `batch_size` each sample has its own parameters, as in MTT and in every evaluation. With None all samples
        of a batch share the parameters, as in DSA and DM; these fit any number of samples. The number of draws depends
        neither on the images nor on the chosen operations.
        """
        rows = 1 if batch_size is None else batch_size
        return _sample(self.groups, generator, batches, rows, side)

    def siamese(self, params: DSAParams, *batches: Float[Tensor, "_ c h w"]) -> list[Tensor]:
        """Augment several batches of any sizes with the parameters of one, drawn with batch_size=None."""
        return [self.apply(batch[None], params)[0] for batch in batches]

    def without_flip(self) -> str:
        """The strategy without the operation flip."""
        groups = ["_".join(op for op in group if op != "flip") for group in self.groups]
        return "+".join(filter(None, groups))

    @staticmethod
    def apply(x: Float[Tensor, "n b c h w"], params: DSAParams) -> Float[Tensor, "n b c h w"]:
        """Augment N batches at once. The result for a batch does not depend on the other batches.

        The result is differentiable in x to any order. x may be on any device; the parameters are copied to it.

        Raises:
            UsageError: the parameters were drawn for another number of batches or samples, or for another image size.
        """
        _refuse_mismatch(x, params)
        order = sorted(range(len(params)), key=params.ops.__getitem__)
        exact = torch.promote_types(x.dtype, torch.float32)  # pixel coordinates need more than half precision
        values = to_device(params.values[order].to(exact), x.device)
        names = sorted(set(params.ops))
        if len(names) == 1:
            done = _run(names[0], x, values)
        else:
            counts = [params.ops.count(name) for name in names]
            there = torch.tensor(order)
            back, there = to_device(there.argsort(), x.device), to_device(there, x.device)
            groups = zip(names, x.index_select(0, there).split(counts), values.split(counts), strict=True)
            done = torch.cat([_run(*group) for group in groups]).index_select(0, back)
        return done if params.then is None else DSA.apply(done, params.then)


def _sample(
    groups: tuple[tuple[str, ...], ...], generator: Generator, batches: int, rows: int, side: Side
) -> DSAParams:
    """Draw the parameters of the first group, then those of the second, and so on."""
    ops, *rest = groups
    uniform = torch.rand(batches, rows, 3, generator=generator, dtype=torch.float64)
    values, names = torch.zeros_like(uniform), ("",) * batches
    if ops:
        chosen = torch.randint(len(ops), (batches,), generator=generator)
        for i, name in enumerate(ops):
            drawn = _known(name).draw(uniform[chosen == i], side)
            values[chosen == i, :, : drawn.shape[-1]] = drawn
        names = tuple(ops[i] for i in chosen.tolist())
    then = _sample(tuple(rest), generator, batches, rows, side) if rest else None
    return DSAParams(names, values, side, then)


def _refuse_mismatch(x: Tensor, params: DSAParams) -> None:
    batches, samples = x.shape[:2]
    if batches != len(params):
        raise UsageError(f"augmentation: parameters drawn for {len(params)} batches, got {batches}; slice them")
    if params.values.shape[1] not in (1, samples):
        raise UsageError(
            f"augmentation: parameters drawn for batches of {params.values.shape[1]}, got {samples}; "
            "draw with batch_size=None to share them between batch sizes"
        )
    if params.side != tuple(x.shape[-2:]):
        raise UsageError(f"augmentation: parameters drawn for images of {params.side}, got {tuple(x.shape[-2:])}")


def _run(name: str, x: Tensor, values: Tensor) -> Tensor:
    return _known(name).run(x, values) if name else x


def _known(name: str) -> Operation:
    found = operation(name)
    assert found is not None  # DSA has refused unknown names
    return found
