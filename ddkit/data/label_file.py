"""A CSV file that gives the labels of pictures: `file,label`, and perhaps `split`."""

import csv
import io
from dataclasses import dataclass
from os.path import normpath
from pathlib import Path

from PIL import Image

from ddkit.data.part_names import PART_NAMES, part_of
from ddkit.data.pictures import visible
from ddkit.errors import DataError, counted, nearest, reason
from ddkit.files import not_a_file, read_text
from ddkit.toml import shown

COLUMNS = {
    "file": ("file", "filename", "file_name", "path", "image"),
    "label": ("label", "class"),
    "split": ("split", "part"),
}
"""Column -> its names, in any case."""

LARGEST = 256 * 2**20
"""Largest size of the file in bytes."""

MOST_NAMED = 10
"""Files that a line names."""


@dataclass(frozen=True)
class Labelled:
    """One row: a picture as it is named, its path, the name of its class, and its part, which is train by default."""

    named: str
    file: Path
    label: str
    part: str


def read_label_file(path: Path, where: str) -> tuple[list[Labelled], tuple[str, ...]]:
    """Read the rows, and notes about pictures that have none.

    Paths are relative to the folder of the CSV file. Its first line names the columns. Parts have the names that
    folders of parts may have.

    Raises:
        DataError: the file is not such a CSV file, has another column, or a row without a picture, a label or a part;
            or it names a file twice.
    """
    try:
        text = read_text(path, where, LARGEST).removeprefix("\ufeff")
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise DataError(
            f"{where}: '{path.name}' is not a CSV file ({reason(error)}); write file,label[,split]"
        ) from None
    head, *rows = [(number, line) for number, line in enumerate(lines, 1) if line] or [(1, [])]
    columns = _columns(head[1], path, where)
    found = [_row(line, columns, f"{where}: '{path.name}', line {number}", path.parent) for number, line in rows]
    if not found:
        raise DataError(f"{where}: '{path.name}' names no picture; add lines of file,label")
    _refuse_missing(found, path, where)
    return found, _not_listed(found, path)


def lone_label_file(root: Path) -> Path | None:
    """Return the CSV file with labels in a folder that cannot have class folders, if there is one.

    Such a folder has pictures that are not in a sub-folder, or at most one sub-folder, or one for each part, and these
    have no other sub-folders. If it has several CSV files with labels, none is chosen.
    """
    entries = visible(root)
    files = [file for file in csv_files(root) if has_labels(file)]
    if len(files) != 1:
        return None
    folders = [entry for entry in entries if entry.is_dir()]
    loose = any(entry.suffix.lower() in Image.registered_extensions() for entry in entries if entry not in folders)
    of_parts = {part_of(folder.name) for folder in folders}
    few = len(folders) < 2 or ("train" in of_parts and None not in of_parts)
    flat = few and not any(entry.is_dir() for folder in folders for entry in visible(folder))
    return files[0] if loose or flat else None


def csv_files(root: Path) -> list[Path]:
    """Return the CSV files in a folder, sorted by name."""
    return [entry for entry in visible(root) if entry.suffix.lower() == ".csv"]


def has_labels(path: Path) -> bool:
    """Return whether the first line of a file names columns of files and labels."""
    if not_a_file(path):
        return False
    with path.open("rb") as file:
        first = file.readline(4096).decode("utf-8-sig", errors="replace").lower()
    try:
        names = {name.strip() for name in next(csv.reader([first]), [])}
    except csv.Error:
        return False
    return all(names & set(COLUMNS[column]) for column in ("file", "label"))


def _columns(head: list[str], path: Path, where: str) -> dict[str, int]:
    """Return the place of each column."""
    known = {name: column for column, names in COLUMNS.items() for name in names}
    columns: dict[str, int] = {}
    names = [name.strip().lower() for name in head]
    if not any(name in known for name in names):
        raise DataError(
            f"{where}: '{path.name}' begins with {shown(','.join(head))}, but its first line must be "
            "file,label[,split], separated by commas"
        )
    for place, (name, column) in enumerate(zip(names, map(known.get, names), strict=True)):
        if column is None:
            fix = (
                f"{nearest(name, known)} (rename it, or leave it out)"
                if name
                else "pandas writes none with index=False"
            )
            raise DataError(f"{where}: '{path.name}' has a column '{name}', which ddkit does not read; {fix}")
        if column in columns:
            raise DataError(f"{where}: '{path.name}' has the column '{column}' twice; leave one out")
        columns[column] = place
    for column in ("file", "label"):
        if column not in columns:
            raise DataError(
                f"{where}: '{path.name}' has no column '{column}'; its first line must be file,label[,split]"
            )
    return columns


def _row(line: list[str], columns: dict[str, int], where: str, folder: Path) -> Labelled:
    if len(line) != len(columns):
        raise DataError(f"{where}: has {len(line)} cells, but there are {len(columns)} columns; check the line")
    cells = {column: line[place].strip() for column, place in columns.items()}
    if empty := [column for column, cell in cells.items() if not cell]:
        raise DataError(f"{where}: its '{empty[0]}' is empty; fill it in, or remove the line")
    part = part_of(cells.get("split", "train"))
    if part is None:
        names = [name for names in PART_NAMES.values() for name in names]
        raise DataError(
            f"{where}: split '{cells['split']}' is not the name of a part; {nearest(cells['split'], names)}"
        )
    return Labelled(cells["file"], folder / cells["file"], cells["label"], part)


def _refuse_missing(rows: list[Labelled], path: Path, where: str) -> None:
    seen: set[str] = set()
    for row in rows:
        if (file := normpath(row.file)) in seen:
            raise DataError(f"{where}: '{path.name}' names '{row.named}' twice; remove one line")
        seen.add(file)
    odd = {row.named: found for row in rows if (found := not_a_file(row.file))}
    if missing := [name for name, found in odd.items() if found == "not there"]:
        raise DataError(
            f"{where}: '{path.name}' names {counted(len(missing), 'file')} not in its folder: "
            f"{_listed(missing)}; add what is missing, or remove the lines"
        )
    if odd:
        name, found = next(iter(odd.items()))
        raise DataError(f"{where}: '{path.name}' names {shown(name)}, which is {found}; correct the line")


def _not_listed(rows: list[Labelled], path: Path) -> tuple[str, ...]:
    """A note with the other files of the folder."""
    known = {row.file.resolve() for row in rows} | {path.resolve()}
    others = sorted(
        str(file.relative_to(path.parent))
        for file in path.parent.rglob("*")
        if file.is_file() and not file.name.startswith(".") and file.resolve() not in known
    )
    return (f"not read, because '{path.name}' does not name them: {_listed(others)}",) if others else ()


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
