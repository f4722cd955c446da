"""The columns of a Hugging Face dataset that hold the images and the labels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ddkit.data.reading import Reading
from ddkit.errors import DataError, nearest


@dataclass(frozen=True)
class Columns:
    """The names of two columns, the names of the classes if the label column declares them, and a note."""

    image: str
    label: str
    classes: tuple[str, ...] | None
    notes: tuple[str, ...]


def find_columns(features: Mapping[str, Any], reading: Reading, where: str) -> Columns:
    """Find the columns of images and labels.

    `reading` names them, or their types do: one column of images (else one of bytes), and one of classes (else one of
    whole numbers or texts).

    Args:
        features: column -> its type in `datasets`.
        reading: the names of columns.
        where: name of the data in error lines.

    Raises:
        DataError: there is no such column, or several.
    """
    image = _column(
        "image",
        reading.image_column,
        features,
        [_of_type(features, "Image"), [name for name, kind in features.items() if _holds_bytes(kind)]],
        where,
    )
    rest = {name: kind for name, kind in features.items() if name != image}
    plain = [name for name, kind in rest.items() if _is_plain(kind)]
    label = _column("label", reading.label_column, rest, [_of_type(rest, "ClassLabel"), plain], where)
    named_bool = reading.label_column == label and getattr(rest[label], "dtype", "") == "bool"
    if label not in _of_type(rest, "ClassLabel") and label not in plain and not named_bool:
        raise DataError(
            f"{where}, key 'data.label_column': '{label}' must hold one whole number or one text a row, got "
            f"{_words(rest[label])}"
        )
    classes = getattr(features[label], "names", None)
    others = [name for name in rest if name != label]
    used = f"images from column '{image}', labels from '{label}'"
    notes = (f"{used}; columns that are not read: {', '.join(others)}",) if others else ()
    return Columns(image, label, None if classes is None else tuple(classes), notes)


def _column(what: str, named: str | None, features: Mapping[str, Any], likely: list[list[str]], where: str) -> str:
    """The column that is named, else the only one among the most likely ones."""
    if named is not None:
        if named not in features:
            raise DataError(f"{where}, key 'data.{what}_column': has no column '{named}'; {nearest(named, features)}")
        return named
    found = next((names for names in likely if names), [])
    if len(found) == 1:
        return found[0]
    listed = ", ".join(f"'{name}' ({_words(kind)})" for name, kind in features.items())
    count = f"{len(found)} columns may be the {what}s" if found else f"no column has the type of {what}s"
    raise DataError(f"{where}: {count}; set data.{what}_column to one of: {listed or 'none'}")


def _of_type(features: Mapping[str, Any], kind: str) -> list[str]:
    return [name for name, feature in features.items() if type(feature).__name__ == kind]


def _holds_bytes(feature: Any) -> bool:
    return getattr(feature, "dtype", None) == "binary" or (isinstance(feature, dict) and "bytes" in feature)


def _is_plain(feature: Any) -> bool:
    dtype = getattr(feature, "dtype", "")
    return type(feature).__name__ == "Value" and (dtype.startswith(("int", "uint")) or "string" in dtype)


def _words(feature: Any) -> str:
    kind = type(feature).__name__
    return str(feature.dtype) if kind == "Value" else kind
