"""Options that several commands share."""

import os
from pathlib import Path
from typing import Any

import click


class OutFile(click.Path):
    """A file that the command writes. It is refused before the work if a folder or another file is in its way."""

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        from ddkit.run import refuse_no_file

        file = Path(os.fsdecode(super().convert(value, parameter, context)))
        refuse_no_file(file)
        return file


json_option = click.option("--json", "json_file", type=OutFile(), help="Also write the table to a JSON file.")
