"""One door for all real images: a name, or a path to the user's own."""

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
"""What reads each of OWN."""


@checked
def load_images(spec: str) -> ImageData:
    """The real images that a recipe's `data.name` means.

    Args:
        spec: one of NAMED, npz:FILE or folder:DIR.

    Example:
        >>> load_images("digits").shape
        (1, 8, 8)

    Raises:
        UsageError: an unknown name.
        DataError: data that is missing, damaged or not what it should be.
    """
    refuse_unknown(spec)
    kind, _, path = spec.partition(":")
    try:
        return LOADERS[kind](expanded(path)) if kind in LOADERS else load_named(spec, home())
    except (MemoryError, RuntimeError) as error:
        raise too_little_memory(error, f"dataset '{spec}'") from None


def refuse_unknown(spec: str) -> None:
    """Raise for a name that means no images; nothing is read.

    Raises:
        UsageError: an unknown name.
    """
    kind, _, path = spec.partition(":")
    if spec not in NAMED and not (kind in LOADERS and path):
        raise UsageError(
            f"dataset '{spec}': is unknown; {nearest(spec.lower(), NAMED)}; "
            f"for your own images write {' or '.join(OWN.values())}; graphs need a method for graphs, such as mirage"
        )
