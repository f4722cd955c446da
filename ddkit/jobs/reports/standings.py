"""Scores of sets beside their rivals, read from sets, run folders, comparisons and the JSON files of tables."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

from ddkit.errors import DataError, DDKitError
from ddkit.evaluation import DDRANKING
from ddkit.jobs.reports.comparison_page import COMPARISON
from ddkit.jobs.reports.score_files import is_score_file, standings_of_score_file
from ddkit.jobs.reports.score_rows import ShownRow, lines_of_comparison, network_of, of_form, policies, rows_of_set
from ddkit.jobs.reports.standing import Standing
from ddkit.run import RunFolder, Seconds, SecondsFiles, read_json
from ddkit.synth import SetFacts, describe, find_set

FORMS = "name a set, a run folder, a comparison's folder, a file of ddkit compare or evaluate --json, or a score file"


def read_standings(source: str | Path, missing: list[str]) -> list[Standing]:
    """Read the standings of a source.

    Args:
        source: a set (a file, a run folder or a ready-made set's name), the folder of a comparison, a JSON file of
            `ddkit compare` or `ddkit evaluate`, a score file, or a folder of such files.
        missing: gets a line for each table that has no place on a leaderboard, and for each file of a folder that
            cannot be read.

    Raises:
        DataError: the source is missing or damaged, or is none of these.
    """
    path = Path(source)
    if (path / COMPARISON).is_file():
        return _of_comparison(path / COMPARISON, missing)
    if files := _score_files(path):
        return [one for file in files for one in _of_one_in_a_folder(file, missing)]
    if path.is_dir() and not RunFolder(path).set.exists():
        raise DataError(f"folder '{path}': holds no finished run, no finished comparison and no JSON files; {FORMS}")
    if path.suffix != ".json":
        return _of_set(source, missing)
    where, found = f"file '{path}'", read_json(path, Any, FORMS)
    if is_score_file(found):
        return standings_of_score_file(found, path, missing)
    if isinstance(found, dict) and "lines" in found:
        return _of_comparison(path, missing)
    tables = found if isinstance(found, list) else [found]
    if not tables or not all(isinstance(table, dict) and "scores" in table for table in tables):
        raise DataError(f"{where}: has no scores of a set; {FORMS}")
    return [one for table in tables for one in _of_table(table, str(path), where, missing)]


def _score_files(path: Path) -> list[Path]:
    """The JSON files of a folder that holds no run."""
    if not path.is_dir() or RunFolder(path).recipe.exists() or RunFolder(path).set.exists():
        return []
    return sorted(path.glob("*.json"))


def _of_one_in_a_folder(file: Path, missing: list[str]) -> list[Standing]:
    try:
        return read_standings(file, missing)
    except DataError as error:
        missing.append(str(error))
        return []


def _of_set(source: str | Path, missing: list[str]) -> list[Standing]:
    file = find_set(source)
    found = describe(file)
    table = json.loads(found.record.scores)
    name = file.stem if file.name != "set.h5" else str(file.parent)
    if not table.get("scores"):
        missing.append(f"Set '{name}' has no scores. Measure them with: ddkit evaluate {source} --json FILE.json")
        return []
    standings, took = _of_table(table, name, f"set '{file}'", missing), _seconds_of_run(file, missing)
    if took is not None:
        standings = (replace(one, seconds=took.condensing, expert_seconds=took.experts) for one in standings)
    return [replace(one, row=_sized(one.row, found.stored_bytes)) for one in standings]


def _seconds_of_run(file: Path, missing: list[str]) -> Seconds | None:
    """The seconds of a set in its run folder; None if the file lies elsewhere, or if the folder does not state them."""
    folder = RunFolder(file.parent)
    try:
        return SecondsFiles(folder.path).read() if file == folder.set else None
    except DataError as error:
        missing.append(str(error))
        return None


def _sized(row: ShownRow, size: int) -> ShownRow:
    """The row with its bytes, which tables of the first versions do not state."""
    return replace(row, measured=replace(row.measured, size=row.measured.size or size))


def _of_table(table: Mapping[str, Any], made: str, where: str, missing: list[str]) -> Iterator[Standing]:
    """The standings of the table of one set: one for images, and one for each kind of network for graphs."""
    if (protocol := table.get("protocol", "honest")) != "honest":
        missing.append(f"A table of '{made}' under protocol {protocol} is left out: its scores are no honest ones.")
        return
    if not isinstance(table.get("dataset"), str):
        raise DataError(f"{where}: its table does not name the data; {FORMS}")
    with of_form(where):
        first = next((row.get("name") for row in table["scores"] if row.get("gnn")), "")
        rows = rows_of_set(table, first, where)
        for own in (row for row in rows if row.measured.ours):
            rivals = tuple(row for row in rows if not row.measured.ours and row.net in ("", own.net))
            net = f"{own.net}, {table['hops']} hops" if own.net else network_of(table)
            yield Standing(made, table["dataset"], net, own, rivals, ranking=table.get(DDRANKING))


def _of_comparison(file: Path, missing: list[str]) -> list[Standing]:
    """The standings of a comparison's sets. Their networks are known if the file is in the comparison's folder."""
    where, table = f"file '{file}'", read_json(file, dict[str, Any], FORMS)
    nets = _nets(file.parent) if file.name == COMPARISON else {}
    if (on := table.get("on", "test")) != "test":
        missing.append(f"The comparison '{file}' is left out: it is judged on the {on} part.")
        return []
    standings, pairs = [], lines_of_comparison(table, where)
    with of_form(where):
        for (part, row), line in zip(pairs, table["lines"], strict=True):
            if not row.measured.ours:
                continue
            rivals = tuple(r for p, r in pairs if p == part and not r.measured.ours and r.net in ("", row.net))
            of_images = line.get("network") or nets.get((line["data"], str(line.get("ipc"))), "")
            net = f"{row.net}, {line['hops']} hops" if row.net else of_images
            standings.append(
                Standing(
                    made=f"{file}: {part}, {row.name}",
                    source=str(file),
                    data=line["data"],
                    net=net,
                    row=replace(row, name=row.name + policies(line)),
                    rivals=rivals,
                    seconds=fmean(line["seconds"]),
                    expert_seconds=line.get("expert_seconds"),
                    ranking=line.get(DDRANKING),
                )
            )
    return standings


def _nets(folder: Path) -> dict[tuple[str, str], str]:
    """(data, images a class) -> the network of the sets of images in a comparison's folder, if all have the same."""
    found: dict[tuple[str, str], set[str]] = {}
    for file in sorted(folder.glob("*/set.h5")):
        try:
            facts = describe(file).facts
        except DDKitError:
            continue  # the comparison's report names sets that cannot be read
        if isinstance(facts, SetFacts):
            found.setdefault((facts.dataset, facts.images_a_class), set()).add(facts.net)
    return {part: nets.pop() for part, nets in found.items() if len(nets) == 1}
