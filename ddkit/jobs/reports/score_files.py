"""Score files of published figures (docs/results/scores): tables of rows with the facts of their measurement.

A row with a place on a leaderboard has `name`, `data`, `images` and `mean`. It may have `interval95`, `values`,
`bytes`, `seconds` and others, which docs/pages/score_file.py describes. What all rows have in common may stand once,
among the facts of the file.
"""

import re
from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from ddkit.evaluation import DDRANKING, MAJORITY, RIVALS, WHOLE
from ddkit.jobs.reports.score_rows import ShownRow, measured, network_of, of_form, policies
from ddkit.jobs.reports.standing import Standing
from ddkit.synth import formation_of, formation_suffix

NO_SETS = (*RIVALS, WHOLE, MAJORITY)
"""Names of rows that are no sets, before a comma."""

NEEDED = ("name", "data", "images", "mean")

Row = Mapping[str, Any]


def is_score_file(table: Any) -> bool:
    """Whether the value of a JSON file is a score file."""
    return isinstance(table, dict) and {"command", "rows"} <= table.keys()


def standings_of_score_file(table: Mapping[str, Any], file: Path, missing: list[str]) -> list[Standing]:
    """The standings of the sets in a score file.

    Args:
        table: the score file.
        file: where it was read.
        missing: gets a line if the file has no place on a leaderboard.

    Raises:
        DataError: it has another form.
    """
    with of_form(f"file '{file}'", "correct it"):
        facts = {key: value for key, value in table.items() if key not in ("rows", "figures")}
        rows = [facts | row for row in table["rows"]]
        if reason := _no_place(str(facts["command"]), rows):
            missing.append(f"The score file '{file.stem}' is left out: {reason}.")
            return []
        shown = [(_part(row), _row(row)) for row in rows if "mean" in row]
        return [_standing(row, shown, file.stem) for row in rows if _is_set(row) and row.keys() >= {*NEEDED}]


def _no_place(command: str, rows: Iterable[Row]) -> str:
    """Why a score file has no place on a leaderboard; "" if it has one."""
    if re.search(r"--on[ =]validation|on the validation part", command):
        return "it is judged on the validation part"
    sets = [row for row in rows if _is_set(row)]
    if not any("mean" in row for row in sets):
        return "its rows have no scores of sets"
    lacking = [f"'{key}'" for key in NEEDED if not any(key in row for row in sets)]
    return f"its rows do not state {' and '.join(lacking)}" if lacking else ""


def _standing(row: Row, shown: Iterable[tuple[tuple[str, ...], ShownRow]], source: str) -> Standing:
    part, own = _part(row), _row(row)
    rivals = [
        other
        for place, other in shown
        if not other.measured.ours and (place == part or (other.name == WHOLE and place[:2] == part[:2]))
    ]
    return Standing(
        made=f"{source}: {row['data']}, {row['images']} images, {own.name}",
        source=source,
        data=str(row["data"]),
        net=network_of(row),
        row=own,
        rivals=tuple(rivals),
        seconds=_seconds(row, "seconds"),
        expert_seconds=_seconds(row, "seconds of experts"),
        ranking=row.get(DDRANKING),
        rounded="values" not in row,
    )


def _seconds(row: Row, key: str) -> float | None:
    return None if row.get(key) is None else float(row[key])


def _is_set(row: Row) -> bool:
    return str(row.get("name", "")).partition(",")[0] not in NO_SETS


def _part(row: Row) -> tuple[str, ...]:
    """What a set has in common with its rivals: data, networks, size, flips and labels."""
    size = row.get("ipc", row.get("images"))
    flips, labels = Fraction(str(row.get("flips", 0))), row.get("labels", "auto")
    return tuple(str(value) for value in (row.get("data"), network_of(row), size, flips, labels))


def _row(row: Row) -> ShownRow:
    ours, name = _is_set(row), str(row["name"])
    if ours:
        plain = name.removesuffix(formation_suffix(formation_of(name)))
        name = plain + "+fyi" * bool(row.get("fyi")) + name[len(plain) :]
        name += policies({"flip_share": Fraction(str(row.get("flips", 0))), "labels": row.get("labels", "auto")})
    return ShownRow(
        name=name,
        net="",
        measured=measured(name, row["mean"], row.get("interval95"), _whole_number(row.get("bytes")), ours),
        samples=_whole_number(row.get("images")) or 0,
        n=_n(str(row.get("n", ""))),
        accuracy="",
        lr="",
        values=tuple(map(float, row.get("values", (row["mean"],)))),
    )


def _whole_number(value: Any) -> int | None:
    if value is not None and value != int(value):
        raise ValueError(f"{value} is no whole number")
    return None if value is None else int(value)


def _n(text: str) -> str:
    """The number of networks, or "sets x networks", in a text such as "3 sets x 5 networks"."""
    found = re.match(r"(\d+) sets? x (\d+) networks?$|(\d+)(?: networks? trained on 1 set)?$", text)
    return text if not found else found[3] or f"{found[1]} x {found[2]}"
