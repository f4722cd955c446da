"""`load_images` loads all real images, given by name or by the path of the user's own."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ddkit.arguments import checked
from ddkit.data.arranged import arranged
from ddkit.data.folder import load_folder
from ddkit.data.hugging_face import load_hugging_face
from ddkit.data.image_data import ImageData
from ddkit.data.named import load_named
from ddkit.data.names import NAMED, OWN_IMAGES, third_party_sources
from ddkit.data.npz import load_npz
from ddkit.data.reading import AS_IT_IS, Reading
from ddkit.errors import DataError, DDKitError, UsageError, nearest, reason
from ddkit.files import too_little_memory
from ddkit.home import expanded, home
from ddkit.name_table import third_party

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
        spec: one of NAMED, npz:FILE, folder:DIR, hf:DIR_OR_NAME, or NAME or NAME:TEXT of a third party's source.
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
        if spec not in NAMED and kind not in LOADERS:
            return _of_third_party(spec, kind, path, reading)
        return LOADERS[kind](_place(kind, path), reading) if kind in LOADERS else load_named(spec, home(), reading)
    except (MemoryError, RuntimeError) as error:
        raise too_little_memory(error, f"dataset '{spec}'") from None


def refuse_unknown(spec: str, reading: Reading = AS_IT_IS) -> None:
    """Check that a name is that of images, and that `reading` fits it, without reading anything.

    Raises:
        UsageError: the name is unknown, or `reading` has a setting for another kind of data or unknown classes.
    """
    kind, _, path = spec.partition(":")
    if spec not in NAMED and not (kind in LOADERS and path) and kind not in third_party_sources():
        raise UsageError(
            f"dataset '{spec}': is unknown; {nearest(spec.lower(), (*NAMED, *third_party_sources()))}; "
            f"for your own images write {OWN_IMAGES}; graphs need a method for graphs, such as mirage"
        )
    reading.refuse_unused(kind if kind in LOADERS else "")
    _ = reading.wanted


def _place(kind: str, text: str) -> Path:
    """The path after the colon. A Path drops "./", by which hf: knows a folder from a name on the Hub."""
    path = expanded(text)
    return path.absolute() if kind == "hf" and text.startswith("./") else path


def _of_third_party(spec: str, kind: str, text: str, reading: Reading) -> ImageData:
    """Load the images of a third party's source: a function of the text after the colon.

    Raises:
        UsageError: its entry point is wrong.
        DataError: it fails, or returns something other than ImageData; or `reading` does not fit its images.
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
    if reading != AS_IT_IS:
        parts, classes, notes = arranged(found.tensors, found.classes, reading, f"dataset '{spec}'")
        changed: dict[str, Any] = {**parts, "classes": classes, "notes": (*found.notes, *notes)}
        found = replace(found, **changed)
    return found if found.name == spec else replace(found, name=spec)  # by this name a set finds its data again
