"""The tables of a published set of images: `default` has pictures of 8 bits, `exact` the set's own numbers."""

import io

from jaxtyping import Float
from PIL import Image
from torch import Tensor

from ddkit.errors import DataError
from ddkit.publish.table import Column, class_column, pyarrow, vectors
from ddkit.synth import SyntheticSet, in_bytes


def image_tables(made: SyntheticSet, raw: Float[Tensor, "n c h w"]) -> dict[str, list[Column]]:
    """Return configuration -> columns. Row i of both is image i of the set.

    default: `image`, a PNG; values of `raw`, the images in [0, 1] pixels, are clipped and rounded to 8 bits.
    exact: `values`, the C H W numbers of an image in the set's space, float32, as they are.
    Both: `label`, and `soft_label` and `probability` if the set has soft labels. `soft_label` is what the set stores,
    probabilities or logits; `probability` is given for logits.

    Raises:
        DataError: PNG does not support the number of channels, or pyarrow is not installed.
    """
    if raw.shape[1] not in (1, 3):
        raise DataError(f"export: hf supports images of 1 or 3 channels, not of {raw.shape[1]}; use npz or pt")
    labels = [class_column(made.labels.numpy(), made.facts.classes)]
    if made.soft_labels is not None:
        logits = made.facts.temperature is not None
        about = "logits of the teachers, by class" if logits else "class probabilities"
        labels.append(vectors("soft_label", about, made.soft_labels.numpy()))
        if logits and made.probabilities is not None:
            labels.append(vectors("probability", "class probabilities", made.probabilities.numpy()))
    _, channels, high, wide = made.images.shape
    about = f"image [{channels}, {high}, {wide}] in the set's space, flattened"
    return {
        "default": [_pictures(raw), *labels],
        "exact": [vectors("values", about, made.images.flatten(1).numpy()), *labels],
    }


def _pictures(raw: Tensor) -> Column:
    arrow = pyarrow()
    rows = [{"bytes": _png(pixels), "path": f"{number:06d}.png"} for number, pixels in enumerate(in_bytes(raw))]
    form = arrow.struct([("bytes", arrow.binary()), ("path", arrow.string())])
    return Column("image", "picture of 8 bits a channel", {"_type": "Image"}, arrow.array(rows, form))


def _png(pixels: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="png")  # type: ignore[arg-type]
    return file.getvalue()
