"""Sixty pictures of every mode, size and orientation, and a slow, obvious reader of them."""

from pathlib import Path

import numpy as np
from PIL import Image

MODES = ("L", "RGB", "P", "RGBA", "LA", "1", "CMYK", "I;16")
CLASSES = ("cat", "dog", "eel")
COUNT = 60


def mixed(seed: int) -> tuple[Image.Image, str]:
    """One picture as it is stored, and the ending of its file. Its class is seen in its mean."""
    random = np.random.default_rng(seed)
    mode = MODES[seed // 3 % len(MODES)]
    side = (int(random.integers(9, 30)), int(random.integers(9, 30)))
    base = 40 + 80 * (seed % 3)
    grey = (base + random.integers(-30, 30, side)).astype(np.uint8)
    colour = (base + random.integers(-30, 30, (*side, 3))).astype(np.uint8)
    alpha = random.integers(200, 256, side).astype(np.uint8)
    if mode == "I;16":
        return Image.fromarray(grey.astype(np.uint16) * 257), "png"
    if mode == "L":
        return Image.fromarray(grey), "png"
    if mode == "LA":
        return Image.fromarray(np.dstack([grey, alpha])), "png"
    if mode == "RGBA":
        return Image.fromarray(np.dstack([colour, alpha])), "png"
    if mode == "CMYK":
        return Image.fromarray(colour).convert("CMYK"), "tif"
    picture = Image.fromarray(colour)
    return (picture if mode == "RGB" else picture.convert(mode)), "png"


def plant_mixed(root: Path) -> list[tuple[Path, int]]:
    """Write the pictures as root/CLASS/PICTURE, a third of them turned. Return the files in the order of a folder."""
    files = []
    for seed in range(COUNT):
        picture, suffix = mixed(seed)
        file = root / CLASSES[seed % 3] / f"{seed:02}.{suffix}"
        file.parent.mkdir(parents=True, exist_ok=True)
        exif = Image.Exif()
        exif[0x0112] = seed // 2 % 8 + 1 if seed % 2 else 1
        picture.save(file, exif=exif)
        files.append((file, seed % 3))
    return sorted(files, key=lambda each: (each[1], each[0].name))
