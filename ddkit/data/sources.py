"""One door for all real images: a name, or a path to the user's own."""

from pathlib import Path

from ddkit.arguments import checked
from ddkit.data.folder import load_folder
from ddkit.data.image_data import ImageData
from ddkit.data.named import NAMED, load_named
from ddkit.data.npz import load_npz
from ddkit.errors import UsageError, nearest
from ddkit.files import too_little_memory
from ddkit.home import expanded
from ddkit.home import home as default_home

LOADERS = {"npz": load_npz, "folder": load_folder}
"""Kinds of the user's own data, KIND:PATH."""


def is_images(spec: str) -> bool:
    """Whether a `data.name` means images."""
    return spec in NAMED or spec.partition(":")[0] in LOADERS


@checked
def load_images(spec: str, home: Path | None = None) -> ImageData:
    """The real images that a recipe's `data.name` means.

    Args:
        spec: digits, mnist, fashion-mnist, cifar10, cifar100, svhn, tiny-imagenet, imagenette, npz:FILE or folder:DIR.
        home: where downloads are kept (in its sub-folder data); `ddkit.home` if None.

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
        return LOADERS[kind](expanded(path)) if kind in LOADERS else load_named(spec, home or default_home())
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
            f"for your own images write npz:FILE or folder:DIR; graphs need a method for graphs, such as mirage"
        )
