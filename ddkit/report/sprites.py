"""The gallery of a set of images as sheets: one PNG for each moment of a run, with a row of images for each class."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ddkit.errors import counted
from ddkit.report.blocks import Frame, Gallery

MOST_COLUMNS = 10
MOST_ROWS = 100
LARGEST_SIDE = 64
"""Larger images are shown at a smaller size."""

CELL = 30
"""Least width of an image on the page in pixels, where a class has ten."""


@dataclass(frozen=True, eq=False)
class Moment:
    """The images [N, C, H, W] of a set at one moment, as [0, 1] pixels (clipped here)."""

    title: str
    images: Float[Tensor, "n c h w"]


@dataclass(frozen=True)
class _Choice:
    """What is shown: numbers of moments, of classes, of images a class, and the largest side of an image."""

    moments: int
    rows: int
    columns: int
    side: int

    def smaller(self) -> "_Choice":
        """The next smaller choice: fewer moments first, then smaller images, fewer images a class, fewer classes."""
        if self.moments > 4:
            return replace(self, moments=self.moments // 2 + 1)
        if self.side > 32:
            return replace(self, side=self.side // 2)
        if self.columns > 3:
            return replace(self, columns=self.columns // 2)
        if self.moments > 2:
            return replace(self, moments=2)
        if self.rows > 10:
            return replace(self, rows=self.rows // 2)
        return replace(self, moments=1, side=max(1, self.side // 2))


def first_images(labels: Int[Tensor, " n"]) -> Int[Tensor, " m"]:
    """The numbers of the images that a gallery can show: the first ten of each of the first hundred classes."""
    shown = labels.unique()[:MOST_ROWS]
    return torch.cat([(labels == c).nonzero().flatten()[:MOST_COLUMNS] for c in shown])


def image_gallery(
    title: str, moments: Sequence[Moment], labels: Int[Tensor, " n"], classes: Sequence[str], *, budget: int
) -> Gallery:
    """The gallery of a set through the moments of its run, in at most `budget` bytes.

    The first and the last moment are always shown. If all sheets are larger than the budget, some of the moments
    between them, or some images, are left out, and the gallery's note says so.

    Args:
        moments: at least one, each with the images of `first_images(labels)`, in this order.
        labels: of all images of the set.
    """
    shown = labels.unique().tolist()
    most = int(labels.bincount().max())
    labels = labels[first_images(labels)]
    high, wide = moments[-1].images.shape[-2:]
    choice = _Choice(len(moments), min(MOST_ROWS, len(shown)), min(MOST_COLUMNS, most), LARGEST_SIDE)
    while True:
        index = [(labels == c).nonzero().flatten()[: choice.columns] for c in shown[: choice.rows]]
        chosen = _spread(moments, choice.moments)
        last = choice == choice.smaller()
        frames = _frames(chosen, index, choice, None if last else budget)
        if frames is not None:
            break
        choice = choice.smaller()
    scale = min(1.0, choice.side / max(high, wide))
    tall, broad = max(1, round(high * scale)), max(1, round(wide * scale))
    columns = max(len(i) for i in index)
    return Gallery(
        title=title,
        frames=frames,
        classes=tuple(classes[c] for c in shown[: choice.rows]),
        aspect=columns * (broad + 1) / (tall + 1),
        least=columns * CELL if columns > 3 else max(72, columns * 48),
        pixelated=max(high, wide) <= LARGEST_SIDE,
        note=_note(choice, len(moments), len(shown), most, (high, wide), (tall, broad)),
    )


def _frames(
    chosen: Sequence[Moment], index: Sequence[Tensor], choice: _Choice, budget: int | None
) -> tuple[Frame, ...] | None:
    """The frames of moments; None as soon as they are larger than the budget, because sheets are slow to write."""
    frames: list[Frame] = []
    for one in chosen:
        frames.append(Frame(one.title, _sheet(one.images, index, choice)))
        if budget is not None and sum(len(frame.uri) for frame in frames) > budget:
            return None
    return tuple(frames)


def _note(choice: _Choice, moments: int, classes: int, most: int, size: tuple[int, int], drawn: tuple[int, int]) -> str:
    parts = []
    if choice.columns < most:
        parts.append(f"the first {counted(choice.columns, 'image')} of {most} a class")
    if choice.rows < classes:
        parts.append(f"the first {choice.rows} of {classes} classes")
    if choice.moments < moments:
        parts.append(f"{choice.moments} of {moments} moments of the run")
    if drawn != size:
        parts.append(f"images of {size[0]} x {size[1]} pixels at {drawn[0]} x {drawn[1]}")
    return f"To keep this file small, the gallery shows {', '.join(parts)}." if parts else ""


def _spread(moments: Sequence[Moment], count: int) -> list[Moment]:
    """`count` of the moments at equal distances, with the first and the last; the last if `count` is 1."""
    if count == 1:
        return [moments[-1]]
    last = len(moments) - 1
    return [moments[round(i * last / (count - 1))] for i in range(count)]


def _sheet(images: Tensor, index: Sequence[Tensor], choice: _Choice) -> str:
    """The sheet of one moment as a data URI. A transparent line of one pixel is between images."""
    from PIL import Image  # slow to import

    columns = max(len(i) for i in index)
    rows = [torch.cat([_framed(images[i], choice.side), _empty(images, columns - len(i), choice.side)]) for i in index]
    sheet = torch.stack(rows)  # [rows, columns, C + 1, H, W]
    r, c, channels, high, wide = sheet.shape
    flat = sheet.permute(0, 3, 1, 4, 2).reshape(r * high, c * wide, channels).numpy()
    file = io.BytesIO()
    Image.fromarray(flat, "LA" if channels == 2 else "RGBA").save(file, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _framed(images: Tensor, side: int) -> Tensor:
    """Bytes [n, C + 1, H + 1, W + 1] with opacity; C is 1 (grey) or 3. Other numbers of channels are shown as grey."""
    own = images.float()
    if own.shape[1] not in (1, 3):
        own = own.mean(1, keepdim=True)
    high, wide = own.shape[-2:]
    if max(high, wide) > side:
        scale = side / max(high, wide)
        size = (max(1, round(high * scale)), max(1, round(wide * scale)))
        own = torch.nn.functional.interpolate(own, size, mode="area")
    opaque = torch.cat([own.clamp(0, 1), torch.ones_like(own[:, :1])], 1)
    return (torch.nn.functional.pad(opaque, (0, 1, 0, 1)) * 255).round().byte()


def _empty(images: Tensor, count: int, side: int) -> Tensor:
    return torch.zeros_like(_framed(images[:1], side)).expand(count, -1, -1, -1)
