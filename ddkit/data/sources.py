"""`load_images` loads all real images, given by name or by the path of the user's own."""

from dataclasses import replace

from ddkit.arguments import checked
from ddkit.data.folder import load_folder
from ddkit.data.image_data import ImageData
from ddkit.data.named import load_named
from ddkit.data.names import NAMED, OWN, third_party_sources
from ddkit.data.npz import load_npz
from ddkit.errors import DataError, DDKitError, UsageError, nearest, reason
from ddkit.files import too_little_memory
from ddkit.home import expanded, home
from ddkit.name_table import third_party

LOADERS = {"npz": load_npz, "folder": load_folder}
"""Kind in OWN -> the function that loads it."""


@checked
def load_images(spec: str) -> ImageData:
    """Load the real images of a recipe's `data.name`.

    Args:
        spec: one of NAMED, npz:FILE, folder:DIR, or NAME or NAME:TEXT of a third party's source.

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
        if spec not in NAMED and kind not in LOADERS:
            return _of_third_party(spec, kind, path)
        return LOADERS[kind](expanded(path)) if kind in LOADERS else load_named(spec, home())
    except (MemoryError, RuntimeError) as error:
        raise too_little_memory(error, f"dataset '{spec}'") from None


def refuse_unknown(spec: str) -> None:
    """Check that a name is that of images, without reading anything.

    Raises:
        UsageError: the name is unknown.
    """
    kind, _, path = spec.partition(":")
    if spec not in NAMED and not (kind in LOADERS and path) and kind not in third_party_sources():
        raise UsageError(
            f"dataset '{spec}': is unknown; {nearest(spec.lower(), (*NAMED, *third_party_sources()))}; "
            f"for your own images write {' or '.join(OWN.values())}; graphs need a method for graphs, such as mirage"
        )


def _of_third_party(spec: str, kind: str, text: str) -> ImageData:
    """Load the images of a third party's source: a function of the text after the colon.

    Raises:
        UsageError: its entry point is wrong.
        DataError: it fails, or returns something other than ImageData.
    """
    load = third_party("dataset", kind, third_party_sources()[kind], callable, "is no function")
    try:
        found = load(text)
    except (DDKitError, MemoryError):
        raise
    except Exception as error:  # the code is not ours: it may raise anything
        raise DataError(f"dataset '{spec}': its package failed ({type(error).__name__}: {reason(error)})") from error
    if not isinstance(found, ImageData):
        raise DataError(f"dataset '{spec}': its package must return ImageData, got {type(found).__name__}")
    return found if found.name == spec else replace(found, name=spec)  # by this name a set finds its data again
