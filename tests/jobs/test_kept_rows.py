"""A killed evaluation goes on: which rows are kept, for which table, and until when."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from listener import Listener

from ddkit.errors import DataError
from ddkit.evaluation import PAPERS, Evaluation, honest, paper, read_score
from ddkit.jobs import compare, condense, evaluate, evaluate_all

TINY = (
    *("net.name=mlp", "net.width=8", "net.depth=1"),
    *("evaluate.nets=2", "evaluate.steps=5", "evaluate.epochs=1"),
)


@pytest.fixture
def data(tmp_path: Path) -> str:
    draw, labels = np.random.default_rng(0), np.arange(60) % 3
    images = draw.integers(0, 120, (60, 6, 6, 3), dtype=np.uint8)
    images[np.arange(60), :, :, labels] += 120
    np.savez(tmp_path / "tiny.npz", train_images=images, train_labels=labels)
    return f"npz:{tmp_path / 'tiny.npz'}"


class Killer:
    """Stands in the place of `train_networks`, counts its calls, and is killed at one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int | None = None) -> None:
        self.calls, self.at = 0, at
        monkeypatch.setattr("ddkit.executors.local.process_count", lambda: 1)  # where calls can be counted
        for module in (honest, paper):
            monkeypatch.setattr(module, "train_networks", self._around(module.train_networks))

    def _around(self, train: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            self.calls += 1
            if self.calls == self.at:
                raise KeyboardInterrupt
            return train(*arguments, **named)

        return call


def kept(home: Path) -> int:
    return len(list((home / "rows").rglob("*.json")))


def without_seconds(table: Evaluation) -> dict[str, Any]:
    return table.tables(with_seconds=False)


def test_a_condensation_killed_in_its_table_goes_on_with_the_rows_that_are_there(
    data: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(name: str, **more: Any) -> Any:
        return condense("herding", data=data, ipc=2, overrides=TINY, out=tmp_path / name, **more)

    whole = run("whole")
    assert kept(home) == 0
    with monkeypatch.context() as patch:
        Killer(patch, at=4)
        with pytest.raises(KeyboardInterrupt):
            run("killed")
    assert kept(home) == 3
    rest, listener = Killer(monkeypatch), Listener()
    resumed = run("killed", resume=True, meter=listener)
    assert rest.calls == 2
    assert any("kept from an interrupted evaluation: 3 rows" in line for line in listener.lines)
    assert without_seconds(resumed.evaluation) == without_seconds(whole.evaluation)
    assert (tmp_path / "killed" / "set.h5").read_bytes() == (tmp_path / "whole" / "set.h5").read_bytes()
    assert kept(home) == 0


def test_several_tables_go_on_where_they_were_killed(
    data: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = condense("herding", data=data, ipc=2, overrides=TINY, out=tmp_path / "run", evaluate=False).folder
    for name, protocol in list(PAPERS.items()):
        monkeypatch.setitem(PAPERS, name, dataclasses.replace(protocol, epochs=4))
    judging: Any = {"protocols": ("honest", "paper-mtt"), "architectures": ("mlp(depth=1, width=8)",)}
    whole = [without_seconds(table) for table in evaluate_all(out, **judging)]
    with monkeypatch.context() as patch:
        Killer(patch, at=7)
        with pytest.raises(KeyboardInterrupt):
            list(evaluate_all(out, **judging))
    assert kept(home) == 6  # a table that is finished too, until all are
    rest = Killer(monkeypatch)
    assert [without_seconds(table) for table in evaluate_all(out, **judging)] == whole
    assert rest.calls == 1 and kept(home) == 0


def test_another_table_finds_nothing_and_a_damaged_row_is_one_line(
    data: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = condense("herding", data=data, ipc=2, overrides=TINY, out=tmp_path / "run", evaluate=False).folder
    with monkeypatch.context() as patch:
        Killer(patch, at=2)
        with pytest.raises(KeyboardInterrupt):
            evaluate(out)
    (row,) = (home / "rows").rglob("*.json")
    for other in ({"seed": 1}, {"nets": 3}, {"overrides": ("evaluate.steps=6",)}, {"net": "mlp(depth=1, width=4)"}):
        with monkeypatch.context() as patch:
            all_rows = Killer(patch)
            evaluate(out, **other)
            assert all_rows.calls == 5
    row.write_text('{"name": "herding"}')
    with pytest.raises(DataError, match="delete it and run again") as caught:
        evaluate(out)
    assert str(row) in str(caught.value)


@pytest.mark.parametrize("change", ["versions", "FORMAT"])
def test_rows_of_other_versions_are_not_reused(
    change: str, data: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the table of one set, and in a comparison, whose scores stay."""
    out = condense("herding", data=data, ipc=2, overrides=TINY, out=tmp_path / "run", evaluate=False).folder
    recipes = {"recipes": [out / "recipe.toml"], "sets": 1, "out": tmp_path / "compare"}
    compare(**recipes)
    scores = {file.name for file in (tmp_path / "compare" / "scores").iterdir()}
    with monkeypatch.context() as patch:
        Killer(patch, at=3)
        with pytest.raises(KeyboardInterrupt):
            evaluate(out)
    assert kept(home) == 2
    with monkeypatch.context() as patch:
        again = Killer(patch)
        compare(**recipes)
        assert again.calls == 0
        other = {"versions": lambda: {"torch": "another"}, "FORMAT": "another"}
        patch.setattr(f"ddkit.jobs.tables.kept_rows.{change}", other[change])
        compare(**recipes)
        assert again.calls == 5  # the set, three rivals, the whole data
        evaluate(out)
        assert again.calls == 10
    assert scores < {file.name for file in (tmp_path / "compare" / "scores").iterdir()}
    rest = Killer(monkeypatch)
    evaluate(out)
    assert rest.calls == 3  # the interrupted table is still there for the versions that began it


@pytest.mark.parametrize("text", ["[1]", "7", '{"name": "x", "accuracies": [7.0]}', "{}"])
def test_a_kept_row_that_is_no_score_is_one_line(tmp_path, text):
    file = tmp_path / "row.json"
    file.write_text(text)
    with pytest.raises(DataError, match="delete it and run again"):
        read_score(file)
