"""Weights & Biases, offline: the real library writes into the run folder, and nothing is sent."""

import json
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ddkit.jobs.runs import Condensed
from ddkit.run import RunFolder

pytest.importorskip("wandb")


def chunks(data: bytes) -> Iterator[bytes]:
    """The records of a .wandb file, which has the format of LevelDB's logs: blocks of 32 KiB with chunks of records."""
    place, whole = 7, b""  # after the file's own head
    while place + 7 <= len(data):
        if 2**15 - place % 2**15 < 7:  # the rest of a block is too short for a chunk
            place += 2**15 - place % 2**15
            continue
        _, size, kind = struct.unpack("<IHB", data[place : place + 7])
        whole += data[place + 7 : place + 7 + size]
        place += 7 + size
        if kind in (1, 4):  # a full record, or the last chunk of one
            yield whole
            whole = b""


def records(folder: Path) -> list[Any]:
    """The records of all offline runs of a folder, in the order of the runs."""
    from wandb.proto import wandb_internal_pb2

    files = sorted((folder / "wandb").glob("offline-run-*/*.wandb"))
    return [wandb_internal_pb2.Record.FromString(data) for file in files for data in chunks(file.read_bytes())]


def test_metrics_and_scores_of_a_run_and_of_its_resume(
    small_run: Callable[..., Condensed], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    for name in ("CONFIG_DIR", "CACHE_DIR", "DATA_DIR"):
        monkeypatch.setenv(f"WANDB_{name}", str(tmp_path / name))
    small_run(tmp_path / "run", log="wandb", evaluate=False)
    made = small_run(tmp_path / "run", "method.iterations=6", resume=True, log="wandb")
    found = records(made.folder)
    ids = {record.run.run_id for record in found if record.HasField("run")}
    assert ids == set(json.loads((made.folder / "logs.json").read_text()).values()) and len(ids) == 1
    logged = []
    for record in found:
        if record.HasField("history"):
            items = {item.nested_key[0] if item.nested_key else item.key: item for item in record.history.item}
            if "loss" in items:
                logged.append(tuple(json.loads(items[key].value_json) for key in ("iteration", "loss")))
    rows = RunFolder(made.folder).read_metrics()
    assert logged == [(row["iteration"], row["loss"]) for row in rows] and len(rows) == 6
    assert made.evaluation is not None
    summary = "".join(str(record.summary) for record in found if record.HasField("summary"))
    assert all(score.name in summary for score in made.evaluation.scores)
