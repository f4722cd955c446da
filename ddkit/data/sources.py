"""`load_images` loads all real images, given by name or by the path of the user's own."""

from ddkit.arguments import checked
from ddkit.data.folder import load_folder
from ddkit.data.image_data import ImageData
from ddkit.data.named import load_named
from ddkit.data.names import NAMED, OWN
from ddkit.data.npz import load_npz
from ddkit.errors import UsageError, nearest
from ddkit.files import too_little_memory
from ddkit.home import expanded, home

LOADERS = {"npz": load_npz, "folder": load_folder}
"""Kind in OWN -> the function that loads it."""


@checked
def load_images(spec: str) -> ImageData:
    """Load the real images of a recipe's `data.name`.

    Args:
        spec: one of NAMED, npz:FILE or folder:DIR.

    Example:
        >>> load_images("digits").shape
        (1, 8, 8)

    Raises:
        UsageError: the name is unknown.
        DataError: the data is missing, damaged or invalid.
    """
    refuse_unknown(spec)
    kind, _, path = spec.partition(":")
    try:
        return LOADERS[kind](expanded(path)) if kind in LOADERS else load_named(spec, home())
    except (MemoryError, RuntimeError) as error:
        raise too_little_memory(error, f"dataset '{spec}'") from None


def refuse_unknown(spec: str) -> None:
    """Check that a name is that of images, without reading anything.

    Raises:
        UsageError: the name is unknown.
    """
    kind, _, path = spec.partition(":")
    if spec not in NAMED and not (kind in LOADERS and path):
        raise UsageError(
            f"dataset '{spec}': is unknown; {nearest(spec.lower(), NAMED)}; "
            f"for your own images write {' or '.join(OWN.values())}; graphs need a method for graphs, such as mirage"
        )
