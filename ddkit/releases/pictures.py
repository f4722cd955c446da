"""Folders of pictures: one sub-folder a class (SRe2L, CDA, RDED, and ddkit's own export as png)."""

import re
from pathlib import Path

from ddkit.data.pictures import files_by_class, read_pictures, visible
from ddkit.errors import DataError
from ddkit.files import read_text
from ddkit.releases.exported import facts_of
from ddkit.releases.release import Choices, Release, Source

FACTS = "facts.json"
"""The facts beside the folders of ddkit's own export."""

LONGEST_FACTS = 4 * 2**20


class Pictures:
    """Reads the pictures of all sub-folders. The sub-folders, sorted by number or by name, are the classes."""

    name = "a folder of pictures"
    choices: tuple[str, ...] = ()

    def recognises(self, source: Source) -> bool:
        return source.path.is_dir() and any(entry.is_dir() for entry in visible(source.path))

    def read(self, source: Source, choices: Choices) -> Release:
        where, entries = source.where, visible(source.path)
        folders = _in_order([entry for entry in entries if entry.is_dir()])
        if any(inner.is_dir() for folder in folders for inner in visible(folder)):
            raise DataError(
                f"{where}: has folders inside the folders of classes; name the folder whose sub-folders are the classes"
            )
        facts = None
        if any(entry.name == FACTS for entry in entries):
            facts = facts_of(read_text(source.path / FACTS, where, LONGEST_FACTS), where)
        files, labels = files_by_class(dict(enumerate(folders)), where)
        unread = [entry.name for entry in entries if not entry.is_dir() and entry.name != FACTS]
        lossy = [file for file in files if file.suffix.lower() in (".jpg", ".jpeg")]
        return Release(
            layout=self.name,
            images=read_pictures(files, where),
            labels=labels,
            files=tuple(files),
            classes=tuple(_class_name(folder) for folder in folders),
            facts=facts,
            uneven=True,
            notes=(
                *([f"not read: {', '.join(unread[:5])}"] if unread else []),
                *([f"{len(lossy)} of {len(files)} pictures are JPEG, which changes pixels"] if lossy else []),
            ),
        )


def _in_order(folders: list[Path]) -> list[Path]:
    """The folders by their numbers, if their names are one word and a number each, as new2 and new10; else by name."""
    found = [re.fullmatch(r"(\D*)(\d{1,18})", folder.name) for folder in folders]
    numbers = [(int(each[2]), folder) for each, folder in zip(found, folders, strict=True) if each]
    same_word = len({each[1] for each in found if each}) == 1
    return [folder for _, folder in sorted(numbers)] if same_word and len(numbers) == len(folders) else folders


def _class_name(folder: Path) -> str:
    """The name of a class. ddkit's export has the number of the class before it, as in 0003-cat."""
    number, dash, name = folder.name.partition("-")
    return name if dash and len(number) == 4 and number.isdecimal() else folder.name
