"""The table of docs/networks.md: what runs on networks of other code, and what a step costs."""

from typing import Any

from markdown_tables import markdown
from score_file import ScoreFile

JOBS = {"experts, MTT": "mtt", "DM": "dm", "teacher": "teacher", "evaluation": "evaluation"}


def table(file: ScoreFile) -> str:
    """A line for each network; seconds in milliseconds."""
    headings = ["network", "parameters", *JOBS, "ms a step of experts", "of PyTorch", "of an evaluation", "of PyTorch"]
    headings += ["ms an iteration of MTT", "of DM", "n"]
    return markdown(headings, [_line(row) for row in file.rows])


def _line(row: dict[str, Any]) -> list[str]:
    cells = [f"`{row['name']}`", f"{row['parameters']:,}", *(row[f"runs_{job}"] for job in JOBS.values())]
    for job in ("expert", "evaluation"):
        cells += [_milliseconds(row[job]), f"{row[f'{job}_ratio']:.2f}"]
    return [*cells, _milliseconds(row["mtt"]), _milliseconds(row["dm"]), str(row["repeats"])]


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{1000 * seconds:,.0f}"
