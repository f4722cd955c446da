"""Options that several commands share."""

import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from ddkit.executors.names import NAMES


class OutFile(click.Path):
    """A file that the command writes. It is refused before the work if a folder or another file is in its way."""

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        from ddkit.run import refuse_no_file

        file = Path(os.fsdecode(super().convert(value, parameter, context)))
        refuse_no_file(file)
        return file


json_option = click.option("--json", "json_file", type=OutFile(), help="Also write the table to a JSON file.")

scores_option = click.option(
    "--scores", metavar="NAME", help="Also HLR, IOR, LRS and ARS of DD-Ranking: ddranking. For images."
)


def executor_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add --executor and --workers to a command, which then runs its work with this executor."""

    @click.option(
        "--executor",
        "executor_name",
        metavar="NAME",
        help=f"Where experts, sets and rows are made: {', '.join(NAMES)}; default local, or that of config.toml.",
    )
    @click.option("--workers", type=int, help="How many are made at once; default: as many as there is room for.")
    @wraps(command)
    def with_executor(executor_name: str | None, workers: int | None, **options: Any) -> None:
        from ddkit.executors import executor

        with executor(executor_name, workers):
            command(**options)

    return with_executor
