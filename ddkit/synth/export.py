"""Export of sets for trainers that do not read HDF5, and conversion of files of earlier formats."""

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

from ddkit.arguments import checked
from ddkit.errors import DataError, UsageError, nearest
from ddkit.run import Meter, SilentMeter, atomic_write
from ddkit.synth.hdf5 import write_set
from ddkit.synth.pixels import clipped, in_bytes
from ddkit.synth.synthetic_set import SyntheticSet


@checked
def export(synthetic: SyntheticSet, raw: Tensor, kind: str, path: str | Path, *, meter: Meter | None = None) -> Path:
    """Write a set as `kind` ("npz", "png", "pt" or "h5") and return the path of the output.

    npz and pt contain `image` (network space), `raw` ([0, 1] pixels, not clipped), `label`, `soft_label` if the set has
    soft labels, and the facts as JSON. If soft labels are logits (`facts.temperature`), `probability` is
    softmax(soft_label / temperature), for trainers with a plain loss.

    h5 is the set's own file, which `ddkit.load` reads. A file of an earlier format thereby gets a digest.

    png is a folder with one sub-folder for each class and a file of the facts. Pixels are bytes, so learned values
    below 0 or above 1 are clipped. A message and the facts' `clipped` give the number of clipped values and the largest
    difference.

    Args:
        synthetic: the set.
        raw: its images [N, C, H, W] in [0, 1] pixels.
        kind: one of EXPORTERS.
        path: file (npz, pt, h5) or folder (png).
        meter: shows the message; by default nothing does.

    Raises:
        UsageError: an unknown kind.
        DataError: `raw` does not fit the set, png does not support its channels, or the target cannot be written.
    """
    path = Path(path)
    if not path.name:
        raise UsageError(f"export: path must name a file or folder, got {str(path)!r}; name a file of its own")
    if kind not in EXPORTERS:
        raise UsageError(f"export kind '{kind}' is unknown; {nearest(kind, EXPORTERS)}")
    if raw.shape != synthetic.images.shape or not raw.is_floating_point() or not bool(raw.isfinite().all()):
        raise DataError(
            f"export: raw must be finite floats {list(synthetic.images.shape)}, the set's images in [0, 1] pixels, got "
            f"{raw.dtype} {list(raw.shape)}; ddkit.raw_images(set) gives them"
        )
    EXPORTERS[kind](synthetic, raw.detach().cpu(), path, meter or SilentMeter())
    return path


def _arrays(synthetic: SyntheticSet, raw: Tensor) -> dict[str, Tensor]:
    arrays = {"image": synthetic.images, "raw": raw, "label": synthetic.labels}
    if synthetic.soft_labels is not None:
        arrays["soft_label"] = synthetic.soft_labels
    if synthetic.probabilities is not None and synthetic.facts.temperature is not None:
        arrays["probability"] = synthetic.probabilities
    return arrays


def _facts(synthetic: SyntheticSet, **more: object) -> str:
    return json.dumps(synthetic.facts.stated() | more, indent=2)


def _npz(synthetic: SyntheticSet, raw: Tensor, path: Path, meter: Meter) -> None:
    arrays: dict[str, Any] = {name: tensor.numpy() for name, tensor in _arrays(synthetic, raw).items()}
    arrays["facts"] = np.array(_facts(synthetic))
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)


def _pt(synthetic: SyntheticSet, raw: Tensor, path: Path, meter: Meter) -> None:
    # In memory first: torch.save writes the name of the file, here a temporary one, into the archive, and its error
    # for a full disk does not mention the disk.
    image = io.BytesIO()
    torch.save({**_arrays(synthetic, raw), "facts": _facts(synthetic)}, image)
    with atomic_write(path) as temporary:
        temporary.write_bytes(image.getvalue())


def _png(synthetic: SyntheticSet, raw: Tensor, path: Path, meter: Meter) -> None:
    if raw.shape[1] not in (1, 3):
        raise DataError(f"export: png supports images of 1 or 3 channels, not of {raw.shape[1]}; use npz or pt")
    seen = [0] * len(synthetic.facts.classes)
    for image, label in zip(in_bytes(raw), synthetic.labels.tolist(), strict=True):
        name = synthetic.facts.classes[label].replace("/", "_")
        with atomic_write(path / f"{label:04d}-{name}" / f"{seen[label]:04d}.png") as temporary:
            Image.fromarray(image).save(temporary, format="png")
        seen[label] += 1
    lost = clipped(raw)
    with atomic_write(path / "facts.json") as temporary:
        temporary.write_text(_facts(synthetic, **({"clipped": dataclasses.asdict(lost)} if lost.values else {})) + "\n")
    if lost.values:
        meter.say(
            f"png: clipped {lost.values:,} of {lost.of:,} values, which were outside the pixels' range, by "
            f"at most {lost.farthest:.3g} of that range; npz and pt store them unclipped"
        )


def _h5(synthetic: SyntheticSet, raw: Tensor, path: Path, meter: Meter) -> None:
    write_set(synthetic, path)


EXPORTERS: dict[str, Callable[[SyntheticSet, Tensor, Path, Meter], None]] = {
    "npz": _npz,
    "png": _png,
    "pt": _pt,
    "h5": _h5,
}
