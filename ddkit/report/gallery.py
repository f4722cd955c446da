"""The gallery of a set of images: a row for each class, with initial images beside final ones."""

from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ddkit.errors import counted
from ddkit.run import atomic_write

MOST_COLUMNS = 10
MOST_ROWS = 50


def gallery(
    initial: Float[Tensor, "n c h w"] | None,
    final: Float[Tensor, "n c h w"],
    labels: Int[Tensor, " n"],
    classes: tuple[str, ...],
    title: str,
    path: Path,
) -> None:
    """Draw `initial` and `final` images ([0, 1] pixels, clipped here) to a PNG.

    If `initial` is None, only the final images are drawn. Images that have neither 1 nor 3 channels are shown as grey.
    At most 10 images of each class and 50 classes are shown; the
    title then mentions it.

    Raises:
        DataError: the file cannot be written.
    """
    from matplotlib.figure import Figure  # slow to import

    shown = [c for c in range(len(classes)) if bool((labels == c).any())][:MOST_ROWS]
    index = [(labels == c).nonzero().flatten()[:MOST_COLUMNS] for c in shown]
    columns = max(len(i) for i in index)
    if columns < int(labels.bincount().max()) or len(shown) < len(classes):
        title += f" (first {counted(columns, 'image')} of {counted(len(shown), 'class', 'classes')})"
    pictures = {"images": final} if initial is None else {"initial": initial, "final": final}
    cell = max(0.32, 0.5 - 0.018 * columns)
    size = (len(pictures) * columns * cell + 1.4, len(shown) * cell + 0.8)
    figure = Figure(figsize=size, layout="constrained", dpi=150)
    every_axes = figure.subplots(1, len(pictures), squeeze=False)[0]
    for first, axes, (heading, images) in zip((True, False), every_axes, pictures.items(), strict=False):
        picture = torch.stack([_row(images[i], columns) for i in index])
        high, wide = picture.shape[-2:]
        # [rows, columns, C, H, W] -> [rows * H, columns * W, C]
        flat = picture.permute(0, 3, 1, 4, 2).reshape(len(shown) * high, columns * wide, -1).clamp(0, 1)
        axes.imshow(flat.squeeze(-1).numpy(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.set_title(heading, fontsize=9)
        axes.set_xticks([])
        names = [classes[c] for c in shown] if first else []
        ticks = [high * (row + 0.5) for row in range(len(names))]
        axes.set_yticks(ticks, names, fontsize=7)
        axes.tick_params(length=0)
    figure.suptitle(title, fontsize=10)
    with atomic_write(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})


def _row(images: Tensor, columns: int) -> Tensor:
    # One white pixel between images; white fills the row of a class with fewer images than columns.
    own = images.float() if images.shape[1] in (1, 3) else images.float().mean(1, keepdim=True)
    framed = torch.nn.functional.pad(own, (0, 1, 0, 1), value=1.0)
    missing = columns - len(framed)
    return torch.cat([framed, framed.new_ones(missing, *framed.shape[1:])]) if missing else framed
