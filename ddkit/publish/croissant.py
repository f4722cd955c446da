"""Croissant: a description of a dataset's files and columns as JSON-LD (mlcommons.org/croissant, version 1.1)."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ddkit.publish.table import Column, Feature

VERSION = "1.0.0"
"""Of the dataset. ddkit does not number the versions of a set; its digest identifies it."""

_OURS = ("recordSet", "field", "source", "fileObject", "extract", "column", "transform", "jsonPath")
_OURS_TOO = ("citeAs", "repeated", "isArray", "arrayShape")
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    **{name: f"cr:{name}" for name in (*_OURS, *_OURS_TOO)},
}
_ENCODINGS = {".parquet": "application/x-parquet", ".h5": "application/x-hdf5", ".npz": "application/zip"}
_NUMBERS = {"int64": "sc:Integer", "float32": "sc:Float"}


def croissant(
    folder: Path,
    files: Sequence[str],
    tables: Mapping[str, tuple[str, Sequence[Column]]],
    **about: str,
) -> dict[str, Any]:
    """Return the description of a dataset whose files are already in `folder`.

    Args:
        folder: the dataset's folder.
        files: its files, relative to the folder.
        tables: configuration -> (its parquet file, relative to the folder; its columns).
        about: name, description, license, citeAs and url of the dataset; an empty one is left out.
    """
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        **{key: text for key, text in about.items() if text},
        "version": VERSION,
        "distribution": [_file(folder, file) for file in files],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": name,
                "name": name,
                "field": [_field(name, file, column) for column in columns],
            }
            for name, (file, columns) in tables.items()
        ],
    }


def _file(folder: Path, file: str) -> dict[str, Any]:
    content = (folder / file).read_bytes()
    return {
        "@type": "cr:FileObject",
        "@id": file,
        "name": file,
        "contentUrl": file,
        "contentSize": f"{len(content)} B",
        "encodingFormat": _ENCODINGS[Path(file).suffix],
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def _field(table: str, file: str, column: Column) -> dict[str, Any]:
    source: dict[str, Any] = {"fileObject": {"@id": file}, "extract": {"column": column.name}}
    if column.feature["_type"] == "Image":
        source["transform"] = {"jsonPath": "bytes"}
    return {
        "@type": "cr:Field",
        "@id": f"{table}/{column.name}",
        "name": column.name,
        "description": column.about,
        **_type(column.feature),
        "source": source,
    }


def _type(feature: Feature) -> dict[str, Any]:
    """The type of a field, from the column's type."""
    if feature["_type"] == "Image":
        return {"dataType": "sc:ImageObject"}
    if feature["_type"] == "ClassLabel":
        return {"dataType": "sc:Integer"}
    if feature["_type"] == "Value":
        return {"dataType": _NUMBERS[feature["dtype"]]}
    inner, lengths = feature, []
    while inner["_type"] == "List":
        lengths.append(str(inner["length"]))
        inner = inner["feature"]
    return _type(inner) | {"isArray": True, "arrayShape": ",".join(lengths)}
