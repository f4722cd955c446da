"""The folder of a published set, as the Hugging Face Hub expects a dataset repository."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ddkit.errors import DataError
from ddkit.publish.croissant import croissant
from ddkit.publish.table import Column, write_table
from ddkit.run import atomic_write, refuse_no_folder, write_json

README, CROISSANT, PREVIEW = "README.md", "croissant.json", "preview.png"


@dataclass(frozen=True, kw_only=True)
class Repository:
    """What a folder holds, in addition to README.md, croissant.json and preview.png.

    Attributes:
        name: of the dataset.
        about: one sentence about it.
        licence, bibtex, url: of the dataset; "" if they are not known.
        readme: the text of README.md.
        tables: configuration -> columns.
        files: file -> function that writes it.
        preview: writes the picture.
    """

    name: str
    about: str
    licence: str
    bibtex: str
    url: str
    readme: str
    tables: Mapping[str, Sequence[Column]]
    files: Mapping[str, Callable[[Path], object]]
    preview: Callable[[Path], object]

    def write(self, folder: Path) -> tuple[str, ...]:
        """Write the folder, and return the names of its files. Other files in it stay as they are.

        Raises:
            DataError: the folder cannot be written, or holds a README.md that is not of such a folder.
        """
        refuse_other_readme(folder)
        places = table_files(self.tables)
        for config, columns in self.tables.items():
            write_table(columns, folder / places[config])
        for file, write in self.files.items():
            write(folder / file)
        self.preview(folder / PREVIEW)
        files = (*places.values(), *self.files)
        tables = {config: (places[config], columns) for config, columns in self.tables.items()}
        texts = {"name": self.name, "description": self.about, "license": self.licence}
        described = croissant(folder, files, tables, **texts, citeAs=self.bibtex, url=self.url)
        write_json(folder / CROISSANT, described, indent=2)
        with atomic_write(folder / README) as temporary:
            temporary.write_text(self.readme, encoding="utf-8")
        return (*files, PREVIEW, CROISSANT, README)


def table_files(tables: Mapping[str, object]) -> dict[str, str]:
    """Configuration -> its parquet file, relative to the folder. The folder of the default one is `data`."""
    return {name: f"{'data' if name == 'default' else name}/train-00000-of-00001.parquet" for name in tables}


def refuse_other_readme(folder: Path) -> None:
    """Raise DataError if the folder cannot be written, or holds a README.md without a croissant.json beside it."""
    refuse_no_folder(folder)
    if (folder / README).exists() and not (folder / CROISSANT).exists():
        raise DataError(f"export: folder '{folder}' has a {README} of something else; name a folder for the set alone")
