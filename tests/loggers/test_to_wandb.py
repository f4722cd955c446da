"""Weights & Biases, offline: the real library writes into the run folder, and nothing is sent."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ddkit.jobs.runs import Condensed
from ddkit.run import RunFolder

pytest.importorskip("wandb")


def records(folder: Path) -> list[Any]:
    """The records of all offline runs of a folder, in the order of the runs."""
    from wandb.proto import wandb_internal_pb2
    from wandb.sdk.internal.datastore import DataStore

    found = []
    for file in sorted((folder / "wandb").glob("offline-run-*/*.wandb")):
        store = DataStore()
        store.open_for_scan(str(file))
        while (data := store.scan_data()) is not None:
            record = wandb_internal_pb2.Record()
            record.ParseFromString(data)
            found.append(record)
    return found


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
