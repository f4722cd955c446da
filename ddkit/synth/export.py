"""Sets for trainers that do not read HDF5."""

import dataclasses
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ddkit.errors import UsageError, nearest
from ddkit.run import atomic_write
from ddkit.synth.synthetic_set import SyntheticSet


def export(synthetic: SyntheticSet, raw: Tensor, kind: str, path: Path) -> Path:
    """Write a set as `kind` ("npz", "png" or "pt") and return where it went.

    npz and pt hold `image` (network space), `raw` ([0, 1] pixels), `label`, perhaps `soft_label`, and the facts as
    JSON; png is a folder with one sub-folder a class, pixels clipped to [0, 255], and the facts beside it.

    Args:
        synthetic: the set.
        raw: its images [N, C, H, W] in [0, 1] pixels.
        kind: one of EXPORTERS.
        path: file (npz, pt) or folder (png).

    Raises:
        UsageError: an unknown kind.
        DataError: the target cannot be written.
    """
    if kind not in EXPORTERS:
        raise UsageError(f"export kind '{kind}' is unknown; {nearest(kind, EXPORTERS)}")
    EXPORTERS[kind](synthetic, raw, path)
    return path


def _arrays(synthetic: SyntheticSet, raw: Tensor) -> dict[str, Tensor]:
    arrays = {"image": synthetic.images, "raw": raw, "label": synthetic.labels}
    return arrays if synthetic.soft_labels is None else {**arrays, "soft_label": synthetic.soft_labels}


def _facts(synthetic: SyntheticSet) -> str:
    return json.dumps(dataclasses.asdict(synthetic.facts), indent=2)


def _npz(synthetic: SyntheticSet, raw: Tensor, path: Path) -> None:
    arrays: dict[str, Any] = {name: tensor.numpy() for name, tensor in _arrays(synthetic, raw).items()}
    arrays["facts"] = np.array(_facts(synthetic))
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)


def _pt(synthetic: SyntheticSet, raw: Tensor, path: Path) -> None:
    # In memory first: torch.save would write a path's name, here a temporary one, into the archive, and what it makes
    # of a full disk tells nobody that the disk is full.
    image = io.BytesIO()
    torch.save({**_arrays(synthetic, raw), "facts": _facts(synthetic)}, image)
    with atomic_write(path) as temporary:
        temporary.write_bytes(image.getbuffer())


def _png(synthetic: SyntheticSet, raw: Tensor, path: Path) -> None:
    pixels = (raw.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()
    seen = [0] * len(synthetic.facts.classes)
    for image, label in zip(pixels, synthetic.labels.tolist(), strict=True):
        name = synthetic.facts.classes[label].replace("/", "_")
        with atomic_write(path / f"{label:04d}-{name}" / f"{seen[label]:04d}.png") as temporary:
            Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image).save(temporary, format="png")
        seen[label] += 1
    with atomic_write(path / "facts.json") as temporary:
        temporary.write_text(_facts(synthetic) + "\n")


EXPORTERS: dict[str, Callable[[SyntheticSet, Tensor, Path], None]] = {"npz": _npz, "png": _png, "pt": _pt}
