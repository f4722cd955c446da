"""`load_images` loads all real images, given by name or by the path of the user's own."""

from collections.abc import Callable
from pathlib import Path

from ddkit.arguments import checked
from ddkit.data.folder import load_folder
from ddkit.data.hugging_face import load_hugging_face
from ddkit.data.image_data import ImageData
from ddkit.data.named import load_named
from ddkit.data.names import NAMED, OWN_IMAGES
from ddkit.data.npz import load_npz
from ddkit.data.reading import AS_IT_IS, Reading
from ddkit.errors import UsageError, nearest
from ddkit.files import too_little_memory
from ddkit.home import expanded, home

LOADERS: dict[str, Callable[[Path, Reading], ImageData]] = {
    "npz": load_npz,
    "folder": load_folder,
    "hf": load_hugging_face,
}
"""Kind in OWN -> the function that loads it."""


@checked
def load_images(spec: str, reading: Reading = AS_IT_IS) -> ImageData:
    """Load the real images of a recipe's `data.name`.

    Args:
        spec: one of NAMED, npz:FILE, folder:DIR or hf:DIR_OR_NAME.
        reading: classes to read, and how images are converted.

    Example:
        >>> load_images("digits").shape
        (1, 8, 8)

    Raises:
        UsageError: the name is unknown, or `reading` does not fit it.
        DataError: the data is missing, damaged or invalid.
    """
    refuse_unknown(spec, reading)
    kind, _, path = spec.partition(":")
    try:
        return LOADERS[kind](expanded(path), reading) if kind in LOADERS else load_named(spec, home(), reading)
    except (MemoryError, RuntimeError) as error:
        raise too_little_memory(error, f"dataset '{spec}'") from None


def refuse_unknown(spec: str, reading: Reading = AS_IT_IS) -> None:
    """Check that a name is that of images, and that `reading` fits it, without reading anything.

    Raises:
        UsageError: the name is unknown, or `reading` has a setting for another kind of data or unknown classes.
    """
    kind, _, path = spec.partition(":")
    if spec not in NAMED and not (kind in LOADERS and path):
        raise UsageError(
            f"dataset '{spec}': is unknown; {nearest(spec.lower(), NAMED)}; "
            f"for your own images write {OWN_IMAGES}; graphs need a method for graphs, such as mirage"
        )
    reading.refuse_unused(kind if kind in LOADERS else "")
    _ = reading.wanted
