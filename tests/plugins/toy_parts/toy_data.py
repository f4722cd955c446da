"""A third party's images: horizontal and vertical stripes; the text after the colon is the number of pixels."""

import torch

from ddkit.data import ImageData
from ddkit.randomness import stream


def load(text: str) -> ImageData:
    """Stripes of a side of 8 pixels, or of `text` pixels."""
    side, labels = int(text or 8), torch.arange(80) % 2
    stripes = (torch.arange(side) % 2 * 200).expand(side, side)
    noise = torch.randint(0, 50, (80, 1, side, side), generator=stream(0, "toy"))
    images = (torch.where(labels[:, None, None, None] == 0, stripes, stripes.T) + noise).to(torch.uint8)
    return ImageData(
        train_images=images[:60],
        train_labels=labels[:60],
        test_images=images[60:],
        test_labels=labels[60:],
        name="stripes",
        classes=("vertical", "horizontal"),
        flips_keep_label=True,
        licence="CC0-1.0",
    )
