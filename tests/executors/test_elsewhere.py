"""Units in a temporary folder: which files they report while they run, and that they continue from these files."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from toy_units import Count

from ddkit.errors import NumericalError
from ddkit.executors import elsewhere
from ddkit.executors.elsewhere import Elsewhere, Unfinished
from ddkit.executors.shipping import files_of, unpack
from ddkit.jobs.comparison.candidate import CondenseSet
from ddkit.jobs.comparison.images import candidate_of
from ddkit.jobs.data.loading import load_task
from ddkit.run.checkpoint import checkpoint_iteration


class Interrupted(Exception):
    pass


def test_new_and_changed_files_are_reported_and_the_checkpoint_is_the_last(tmp_path: Path) -> None:
    reports: list[Any] = []
    first, files = Elsewhere(Count(tmp_path, end=3), every=0.0).run(None, reports.append)
    assert first == 0 and files == {"a-log": b"xxx", "z-log": b"xxx", "checkpoint.pt": b"3"}
    assert [item for item in reports if not isinstance(item, Unfinished)] == [1, 2, 3]
    parts = [item.files for item in reports if isinstance(item, Unfinished)]
    assert [list(part) for part in parts] == [["a-log", "z-log", "checkpoint.pt"]] * 3
    assert [part["checkpoint.pt"] for part in parts] == [b"1", b"2", b"3"]


def test_unchanged_files_are_not_reported_again(tmp_path: Path) -> None:
    reports: list[Any] = []
    sender = elsewhere._Sender(tmp_path, reports.append, 0.0)
    (tmp_path / "one").write_text("1")
    sender(1)
    (tmp_path / "two").write_text("2")
    sender(2)
    sender(3)
    assert reports == [1, Unfinished({"one": b"1"}), 2, Unfinished({"two": b"2"}), 3]


def test_files_are_reported_only_so_often_and_up_to_a_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reports: list[Any] = []
    Elsewhere(Count(tmp_path), every=1000.0).run(None, reports.append)
    monkeypatch.setattr(elsewhere, "LARGEST", 2)
    Elsewhere(Count(tmp_path), every=0.0).run(None, reports.append)
    assert reports == [1, 2, 3, 4, 5, 1, 2, 3, 4, 5]  # three files have at least three bytes


def test_an_error_names_the_callers_folder_and_loses_no_file(tmp_path: Path) -> None:
    reports: list[Any] = []
    with pytest.raises(NumericalError) as caught:
        Elsewhere(Count(tmp_path / "out", fail_at=2), every=1000.0).run(None, reports.append)
    assert str(caught.value) == f"the count failed; continue in {tmp_path / 'out'}"
    assert reports[-1].files["checkpoint.pt"] == b"2"


def test_a_set_continues_from_the_files_that_were_reported(tmp_path: Path, home: Path) -> None:
    """The driver is killed at the third message; a second call ends with the bytes of a call that nobody killed."""
    recipe = tmp_path / "dm.toml"
    recipe.write_text(
        '[data]\nname = "digits"\n[net]\nname = "mlp"\nwidth = 8\ndepth = 1\n'
        '[method]\nname = "dm"\nipc = 1\niterations = 40\n'
    )
    candidate = candidate_of(str(recipe), (), 1)
    own = candidate.recipes[0]
    common = {candidate.task_key: load_task(own.data, own.net, torch.device("cpu"))}
    unit = CondenseSet(candidate, own, tmp_path / "out", torch.device("cpu"))
    folder = candidate.folder(unit.out, own)
    seen: list[Unfinished] = []

    def write(item: Any) -> None:
        if isinstance(item, Unfinished):
            unpack(item.files, unit.folder)
            seen.append(item)
            if len(seen) == 3:
                raise Interrupted

    with pytest.raises(Interrupted):
        replace(_parcel(unit, common), every=0.0).run(common, write)
    assert not folder.set.exists()
    begun = checkpoint_iteration(folder.checkpoint)
    assert 0 < begun <= len(folder.read_metrics()) < 40  # metrics are written more often than checkpoints

    reports: list[Any] = []
    result = _parcel(unit, common).run(common, reports.append)
    unit.receive(result)
    assert min(item for item in reports if isinstance(item, int)) >= begun
    assert len(folder.read_metrics()) == 40

    whole = unit.moved(tmp_path / "whole")
    whole.run(common, lambda item: None)
    assert folder.set.read_bytes() == candidate.folder(whole.out, own).set.read_bytes()
    made, expected = ({file.name for file in files_of(one.path)} for one in (folder, candidate.folder(whole.out, own)))
    assert made - {"spent.json"} == expected - {"spent.json"}  # only a slow run writes that file


def _parcel(unit: CondenseSet, common: Any) -> Elsewhere:
    made = unit.parcel(common).unit
    assert isinstance(made, Elsewhere)
    return made
