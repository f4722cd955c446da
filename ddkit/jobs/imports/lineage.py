"""The lineage of an imported set: which files it came from, and how each fact is known."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from ddkit.data import RealData
from ddkit.jobs.imports.space import Space
from ddkit.releases import Release

MOST_FILES = 12
"""Files that are listed one by one; more have one digest together."""


def lineage_of(release: Release, space: Space, real: RealData, factor: int, notes: Sequence[str]) -> dict[str, Any]:
    """The lineage as a table for JSON. Files are named without their folders."""
    table: dict[str, Any] = {
        "files": _digests(release.files),
        "layout": release.layout,
        "space": space.name,
        "space known": space.how,
    }
    if release.entry is not None and release.entries > 1:
        table["entry"] = f"{release.entry} of 0 to {release.entries - 1}"
    if space.constants is not None:
        mean, std = space.constants
        table |= {"mean": mean, "std": std, "normalised by": space.whose}
    if factor > 1:
        table["factor"] = factor
    if release.accuracies:
        table["stored accuracies"] = {
            net: {"mean": fmean(found), "n": len(found)} for net, found in release.accuracies.items()
        }
    return {"data": real.data.digest, "prepared": real.digest, "release": table | {"notes": list(notes)}}


def accuracies_line(release: Release) -> str:
    """The stored accuracies in words; "" if there are none."""
    each = [f"{net} {100 * fmean(found):.1f} (n = {len(found)})" for net, found in release.accuracies.items()]
    sets = f" over its {release.entries} sets" if release.entries > 1 else ""
    return f"accuracies in the file{sets}, in %: {', '.join(each)}" if each else ""


def _digests(files: Sequence[Path]) -> dict[str, str]:
    """Name -> SHA-256 (hex) of each file. Of many files, one of all names and contents.

    If several files have one name, the names of their folders stand before it.
    """
    unique = len({file.name for file in files}) == len(files)
    names = [file.name if unique else f"{file.parent.name}/{file.name}" for file in files]
    each = {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in zip(names, files, strict=True)}
    if len(files) <= MOST_FILES:
        return each
    sha = hashlib.sha256()
    for file in files:
        sha.update(f"{file.parent.name}/{file.name}\n".encode() + file.read_bytes())
    return {f"{len(files)} files": sha.hexdigest()}
