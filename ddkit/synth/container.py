"""The parts of the HDF5 file that all kinds of sets share: format, kind, facts and record.

The file is sealed (`ddkit.run.sealed`): if its bytes changed since it was written, it is refused before HDF5 opens it.
Files of format 1, from earlier versions, are not sealed; they are read with a warning.

Root attributes are `format`, `kind` and the facts. Group `ddkit` has attributes only: the texts of the record
(track_order lifts the 64 KiB limit on attributes). The kind defines the datasets and further groups. Any other name in
the file is refused. The file contains no time of day, so equal sets give equal bytes.
"""

import dataclasses
import json
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import h5py
import numpy as np

from ddkit.errors import DataError, DDKitWarning, nearest, reason
from ddkit.run import HDF5, HEAD, check_seal
from ddkit.synth.checks import shown
from ddkit.synth.cycles import refuse_cycles
from ddkit.synth.facts import Record
from ddkit.synth.structure import refuse_inflated_sizes, refuse_unexpected_structure

FORMAT, UNSEALED = "ddkit-set/2", "ddkit-set/1"
CONTENTS = {"images": "images", "compact": "images", "graphs": "graphs"}
"""Kinds of files, and what the set in each consists of."""

S = TypeVar("S")
F = TypeVar("F")

FAULTS = (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError, MemoryError)
"""Errors of h5py and NumPy for a file whose content does not fit its structure."""


def located(source: str | Path) -> Path:
    """Return the file of a path or run folder, whether or not it exists.

    Raises:
        DataError: no file can have this path, or permissions forbid looking at it.
    """
    path = Path(source)
    try:
        path.exists()  # raises for a path that is too long or in a folder without permission
        return path / "set.h5" if path.is_dir() else path
    except (OSError, ValueError) as error:
        raise DataError(f"set {shown(str(source))}: cannot be accessed ({reason(error)}); name another path") from None


def kind_of(source: str | Path) -> str:
    """Return the kind of the set in a file or run folder, or "" if the file cannot be read."""
    try:
        with _opened(located(source)) as (file, _):
            return str(plain(file.attrs.get("kind", "")))
    except (*FAULTS, DataError):
        return ""


def read_file(path: Path, parsers: Mapping[str, Callable[[h5py.File], S]]) -> S:
    """Parse a file with the parser of its kind.

    Args:
        parsers: kind -> function that makes a set from the open file.

    Raises:
        DataError: the file is missing, damaged, not HDF5 (for example a pickle), or of a kind without a parser; or the
            parser raises an error.
    """
    try:
        with _opened(path) as (file, sealed):
            found, kind = (plain(file.attrs.get(name)) for name in ("format", "kind"))
            if found == (FORMAT if sealed else UNSEALED) and kind in parsers:
                refuse_inflated_sizes(file)
                made = parsers[kind](file)
                if not sealed:
                    _warn_of_no_digest(path)
                return made
            if found in (FORMAT, UNSEALED) and kind in parsers:
                raise ValueError("it was changed since ddkit wrote it, or was not written by ddkit")
    except NotASet as error:
        raise DataError(f"set '{path}': {error}") from None
    except MemoryError:
        raise DataError(f"set '{path}': needs more memory than there is; use a smaller set") from None
    except (*FAULTS, DataError) as error:
        why = " ".join(reason(error).removeprefix("set: ").split())
        raise DataError(f"set '{path}': is damaged ({why}); make it again or fetch another copy") from None
    if found not in (FORMAT, UNSEALED):
        raise DataError(
            f"set '{path}': has format {shown(found)}, not {FORMAT!r}; it is not a set this version of ddkit can read"
        )
    if kind in CONTENTS:
        raise of_another_kind(f"set '{path}'", CONTENTS[kind], CONTENTS[next(iter(parsers))])
    raise DataError(f"set '{path}': is of kind {shown(kind)}, which is unknown; {nearest(str(kind), CONTENTS)}")


def of_another_kind(where: str, found: str, wanted: str) -> DataError:
    """The error for a set of graphs in place of one of images, or the reverse."""
    return DataError(
        f"{where}: is a set of {found}, but a set of {wanted} is needed here; name another set (ddkit.load reads both)"
    )


class NotASet(ValueError):
    """The file is not a set. The message follows the file's name in the error line."""


@contextmanager
def _opened(path: Path) -> Iterator[tuple[h5py.File, bool]]:
    """Open the file of a set; give the file and whether it is sealed.

    The seal is checked before HDF5 opens the file, and the structure is checked before any data is read.

    Raises:
        NotASet: the file is missing, cannot be read or is not an HDF5 file.
        ValueError: it is damaged, or its structure is not that of a set.
    """
    try:
        raw = path.open("rb") if path.is_file() else None
    except (OSError, ValueError) as error:
        raise NotASet(f"cannot be read ({reason(error)}); correct its permissions") from None
    if raw is None:
        raise NotASet("there is no such file; `ddkit sets ls` names the ready-made ones")
    with raw:
        seal = check_seal(raw)
        begins = []
        for begin in (0, HEAD):
            raw.seek(begin)
            begins.append(raw.read(len(HDF5)) == HDF5)
        if begins != [seal is None, seal is not None]:
            if any(begins) or seal is not None:
                raise ValueError("the head of its seal was changed")
            raise NotASet("is not an HDF5 file; ddkit reads only .h5 sets and never unpickles a file")
        refuse_cycles(raw)
        with h5py.File(raw, "r") as file:
            refuse_unexpected_structure(file)
            yield file, seal is not None


def _warn_of_no_digest(path: Path) -> None:
    warnings.warn(
        f"set '{path}': carries no digest, as an earlier version of ddkit wrote it, so that damage can go unnoticed; "
        f"`ddkit export {path} --to h5` writes it with one",
        DDKitWarning,
        stacklevel=2,
    )


def write_facts(file: h5py.File, facts: Any, record: Record) -> None:
    """Write facts and record. Facts that are None are left out."""
    for name, value in dataclasses.asdict(facts).items():
        if value is not None:
            file.attrs[name] = json.dumps(value) if name == "classes" else value
    group = file.create_group("ddkit", track_order=True)
    for name, text in dataclasses.asdict(record).items():
        group.attrs[name] = text


def read_facts(file: h5py.File, kind: type[F]) -> F:
    """Read the facts of a set into the dataclass `kind`, which checks them.

    Raises:
        LookupError: a fact is missing.
        ValueError: the file has a fact that the class does not define.
        DataError: the class refuses a fact.
    """
    fields = dataclasses.fields(kind)  # type: ignore[arg-type]
    only(file.attrs, ["format", "kind", *(field.name for field in fields)], "attribute")
    missing = (f.name for f in fields if f.default is dataclasses.MISSING and f.name not in file.attrs)
    if (name := next(missing, None)) is not None:
        raise LookupError(f"it has no fact '{name}'")
    found = {field.name: plain(file.attrs[field.name]) for field in fields if field.name in file.attrs}
    found["classes"] = json.loads(found["classes"])
    return kind(**found)


def read_record(file: h5py.File) -> Record:
    """Read the record of a set.

    Raises:
        LookupError: a part is missing.
        ValueError: there is a part that records do not have.
        DataError: a part is not a text, or not JSON.
    """
    group, names = member(file, "ddkit", h5py.Group), [field.name for field in dataclasses.fields(Record)]
    only(group, (), "part")
    only(group.attrs, names, "attribute")
    if (name := next((name for name in names if name not in group.attrs), None)) is not None:
        raise LookupError(f"its record has no '{name}'")
    return Record(**{name: plain(group.attrs[name]) for name in names})


def numbers(group: h5py.Group, name: str) -> np.ndarray:
    """Read the numbers of a dataset, in this machine's byte order.

    Raises:
        LookupError: there is no dataset of this name.
        ValueError: its type is not a plain number.
    """
    table = member(group, name, h5py.Dataset)
    if table.shape is None or table.dtype.kind not in "iuf" or table.dtype.itemsize > 8:
        raise ValueError(f"its '{name}' holds no plain numbers but {table.dtype}")
    array = np.asarray(table[()])
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def member(group: h5py.Group, name: str, kind: type) -> Any:
    """Return the dataset or group of this name.

    Raises:
        LookupError: there is none.
        ValueError: it is not of this kind.
    """
    if name not in group:
        raise LookupError(f"it has no '{name}'")
    if not isinstance(found := group[name], kind):
        raise ValueError(f"its '{name}' is no {kind.__name__.lower()}")
    return found


def only(found: Iterable[str], known: Iterable[str], what: str) -> None:
    """Raise ValueError for the first of the found names that is not a known one."""
    known = list(known)
    for name in found:
        if name not in known:
            hint = nearest(name, known) if known else "there is none"
            raise ValueError(f"it holds the {what} {shown(name)}, which has no meaning in a set; {hint}")


def plain(value: Any) -> Any:
    """Return an attribute as a plain Python value."""
    if isinstance(value, np.ndarray):
        return tuple(value.tolist())
    return value.item() if isinstance(value, np.generic) else value
