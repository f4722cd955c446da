"""Measure a table again and store its figures: python docs/pages/keep.py NAME [--folder DIR] [--beside "other jobs"]

The program runs the command in docs/results/scores/NAME.json (`ddkit condense` or `ddkit compare` of images) and
replaces the rows of the file by the scores that the command wrote. For a new table, first write a file with its command
and n, and without rows. Afterwards `python docs/pages/write.py` writes the pages. With `--table FILE` nothing is run:
the rows are those of a file that the command has written on this machine (scores.json, or `compare --json`).

All files lie in DIR, DDKIT_HOME included. Therefore no expert and no score of an earlier run is used, and the seconds
are those of the whole job. Data comes from DDKIT_DATA. After a kill of `compare`, use the same DIR to continue.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path
from statistics import fmean
from typing import Any

from score_file import Row, ScoreFile

from ddkit.evaluation.ddranking import TITLES


def condensed(table: dict[str, Any]) -> tuple[list[Row], dict[str, Any]]:
    """Rows of a run's scores.json."""
    rows = []
    for score in table["scores"]:
        row = {"name": score["name"], "data": table["dataset"], "net": table["net"], "images": score["images"]}
        row |= _score(score) | _size(score)
        if score["lr"] is not None:  # it is trained
            row |= {"n": len(score["accuracies"]), "lr": score["lr"], "values": _rounded(score["accuracies"])}
        rows.append(row)
    return rows, {}


def compared(table: dict[str, Any]) -> tuple[list[Row], dict[str, Any]]:
    """Rows of the JSON file of `compare --json`, and the seconds of its sets and experts."""
    rows, seconds, experts = [], [], []
    for line in table["lines"]:
        name, fyi = plain_name(line["name"], line["data"])
        row: Row = {
            "name": name,
            "data": line["data"],
            **({"net": line["network"]} if line.get("network") else {}),
            "ipc": line["ipc"],
            "images": line["scores"][0]["images"],
            "flips": str(Fraction(line["flip_share"]).limit_denominator(100)),
            "fyi": fyi,
            "labels": line["labels"],
        }
        row |= _score(line) | _size(line["scores"][0])
        scores = [score["accuracies"] for score in line["scores"]]
        if line["scores"][0]["lr"] is not None:
            row["n"] = f"{len(scores)} x {len(scores[0])}" if len(scores) > 1 else len(scores[0])
            row["values"] = _rounded(map(fmean, scores) if len(scores) > 1 else scores[0])
        if line["seconds"]:
            row["seconds"] = round(fmean(line["seconds"]))
            seconds += line["seconds"]
        if line["expert_seconds"] is not None:
            row["seconds of experts"] = round(line["expert_seconds"])
            experts.append(line["expert_seconds"])
        if ranking := line.get("ddranking"):
            row["ddranking"] = {name: found and _rounded(found) for name, found in ranking.items() if name in TITLES}
        rows.append(row)
    return rows, _ends("a set", seconds) | _ends("of experts", experts)


def plain_name(name: str, data: str) -> tuple[str, bool]:
    """(method and packing, whether FYI was used) of a line's name.

    The name is that of a method ("mtt+fyi+2x2") or of a recipe ("mtt-digits-ipc1-cpu-fyi-2x2").
    """
    begin = re.search(r"(?:[+-](?:fyi|\d+x\d+))*$", name)
    assert begin is not None  # it matches the end of any text
    used = re.split(r"[+-]", begin[0])[1:]
    method = re.sub(rf"-{re.escape(data)}-ipc\d+(-cpu)?$", "", name[: begin.start()])
    return "+".join([method, *(one for one in used if one != "fyi")]), "fyi" in used


def _size(score: dict[str, Any]) -> Row:
    return {} if score.get("size") is None else {"bytes": score["size"]}


def _rounded(values: Iterable[float | None]) -> list[float | None]:
    return [None if value is None else round(value, 6) for value in values]


def _score(table: dict[str, Any]) -> Row:
    """Mean and interval; a row without training has no interval."""
    interval = table["interval95"]
    known = interval is not None and interval == interval  # nan, of a single value, is not itself
    return {"mean": round(table["mean"], 6)} | ({"interval95": round(interval, 6)} if known else {})


def _ends(of: str, seconds: list[float]) -> dict[str, Any]:
    if not seconds:
        return {}
    least, most = min(seconds), max(seconds)
    minutes = {f"minutes {of}, least": round(least / 60, 1), f"minutes {of}, most": round(most / 60, 1)}
    return {f"seconds {of}, least": round(least), f"seconds {of}, most": round(most)} | minutes


def measure(before: ScoreFile, folder: Path, beside: str = "", table: Path | None = None) -> ScoreFile:
    """The score file of the same command, measured now, or with the rows of `table`, which the command has written."""
    command = before.facts["command"]
    kind = re.match(r"ddkit (condense|compare) ", command)
    if not kind:
        raise SystemExit(
            f"{before.name}: its command is '{command}'; only ddkit condense and ddkit compare can be measured"
        )
    condense = kind[1] == "condense"
    out = f"--out {folder}/run" if condense else f"--out {folder}/run --json {folder}/table.json"
    took: dict[str, Any] = {}
    if table is None:
        table = folder / ("run/scores.json" if condense else "table.json")
        begin = time.perf_counter()
        environment = os.environ | {"DDKIT_HOME": str(folder / "home")}
        subprocess.run(["bash", "-c", f"{command} {out}"], check=True, env=environment)  # bash expands {mtt,ftd}
        seconds = time.perf_counter() - begin
        took = {"seconds": round(seconds), "minutes": round(seconds / 60)}
    written = json.loads(table.read_text())
    rows, figures = condensed(written) if condense else compared(written)
    figures |= took
    for lost in sorted(before.figures.keys() - figures.keys()):
        print(
            f"{before.name}: '{lost}' was not measured and is removed; change every page that prints it",
            file=sys.stderr,
        )
    facts = {
        "interval": before.facts.get(
            "interval", "over the networks of one set" if condense else "over the means of the sets"
        ),
        "hardware": hardware() + (f", beside {beside}" if beside else ""),
        "software": f"torch {version('torch').rsplit('.', 1)[0]}",
        "commit": commit(),
        "origin": "kept by docs/pages/keep.py",
    }
    return ScoreFile(before.name, before.facts | facts, tuple(rows), figures)


def hardware() -> str:
    """The GPU if there is one, else the processor's model and its cores."""
    import torch

    if torch.cuda.is_available():
        return f"one {torch.cuda.get_device_name()}"
    info = Path("/proc/cpuinfo")
    model = re.search(r"^model name\s*: (.+)$", info.read_text() if info.exists() else "", re.MULTILINE)
    return f"{os.cpu_count()} cores of {model[1] if model else platform.processor() or 'an unknown processor'}"


def commit() -> str:
    """The measured commit, with -dirty at the end if files differ from it."""
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent).stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", help="a score file's name, without .json")
    parser.add_argument("--folder", type=Path, help="working folder; default a temporary folder")
    parser.add_argument("--table", type=Path, help="a file that the command has written; then nothing is run")
    parser.add_argument("--beside", default="", help="other work on the machine, for the score file")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (asked.folder or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        measure(ScoreFile.read(asked.name), folder, asked.beside, asked.table).write()


if __name__ == "__main__":
    main()
