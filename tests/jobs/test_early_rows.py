"""Rows that are scored while the set is made: the same table, and nobody is left after an interrupt."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from listener import Listener

from ddkit.evaluation import Evaluation, honest
from ddkit.executors import Ahead
from ddkit.jobs import condense
from ddkit.jobs.tables.image_scoring import HonestScoring
from ddkit.methods.dm import DM

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only"),
    pytest.mark.usefixtures("nobody_is_left"),
]

TINY = (
    *("net.width=4", "net.depth=1", "method.iterations=6", "method.batch_real=8"),
    *("evaluate.nets=2", "evaluate.steps=10", "evaluate.epochs=2"),
)


@pytest.fixture
def data(tmp_path: Path) -> str:
    draw, labels = np.random.default_rng(0), np.arange(90) % 3
    images = draw.integers(0, 120, (90, 8, 8, 3), dtype=np.uint8)
    images[np.arange(90), :, :, labels] += 60
    np.savez(tmp_path / "tiny.npz", train_images=images, train_labels=labels)
    return f"npz:{tmp_path / 'tiny.npz'}"


class Spied:
    """The `Ahead`s of a run and the names of the rows that each finished."""

    def __init__(self, patch: pytest.MonkeyPatch, cores: int) -> None:
        self.begun: list[Ahead] = []
        self.rows: list[str] = []
        begin = honest.begin_rivals

        def spied(*arguments: Any) -> Ahead | None:
            if (ahead := begin(*arguments)) is not None:
                self.begun.append(ahead)
                self.rows += [unit.row.name for unit in (*ahead._pool.waiting, *self._at_work(ahead))]
            return ahead

        patch.setattr("ddkit.jobs.tables.image_scoring.begin_rivals", spied)
        patch.setattr("ddkit.executors.local.process_count", lambda: cores)

    @staticmethod
    def _at_work(ahead: Ahead) -> list[Any]:
        return [child.unit for child in ahead._pool.children.values()]


def table(made: Any) -> dict[str, Any]:
    evaluation: Evaluation = made.evaluation
    return evaluation.tables(with_seconds=False)


def test_the_table_is_that_of_one_core(data: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {}
    for cores in (1, 3):
        with monkeypatch.context() as patch:
            spied = Spied(patch, cores)
            made = condense("dm", data=data, ipc=2, overrides=TINY, out=tmp_path / f"{cores}")
        assert len(spied.begun) == (cores > 1)
        assert sorted(spied.rows) == (["herding", "kmeans", "random-real", "whole"] if cores > 1 else [])
        found[cores] = table(made), (tmp_path / f"{cores}" / "set.h5").read_bytes()
    assert found[1] == found[3]


def test_nothing_begins_without_a_table_or_iterations_that_are_left(
    data: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spied = Spied(monkeypatch, 2)
    condense("dm", data=data, ipc=2, overrides=TINY, out=tmp_path / "run", evaluate=False)
    resumed = condense(out=tmp_path / "run", resume=True)
    assert len(table(resumed)["scores"]) == 6 and not spied.begun


def test_an_interrupted_run_leaves_nobody_and_resumes_to_the_same_table(
    data: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = condense("dm", data=data, ipc=2, overrides=TINY, out=tmp_path / "whole")
    step, steps = DM.step, []

    def killed(self: DM, state: Any) -> Any:
        steps.append(state)
        if len(steps) == 4:
            raise KeyboardInterrupt
        return step(self, state)

    with monkeypatch.context() as patch:
        spied = Spied(patch, 2)
        patch.setattr(DM, "step", killed)
        with pytest.raises(KeyboardInterrupt):
            condense("dm", data=data, ipc=2, overrides=TINY, out=tmp_path / "killed")
    assert spied.begun and not spied.begun[0]._pool.children
    resumed = condense(out=tmp_path / "killed", resume=True)
    assert table(resumed) == table(whole)
    assert (tmp_path / "killed" / "set.h5").read_bytes() == (tmp_path / "whole" / "set.h5").read_bytes()


def test_rows_of_a_table_with_other_terms_are_scored_anew(
    data: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They begin with other settings than the table of the finished set has."""
    expected = condense("dm", data=data, ipc=2, overrides=TINY, out=tmp_path / "expected")
    Spied(monkeypatch, 2)
    begin = HonestScoring.begin

    def other(self: HonestScoring, meter: Any) -> Ahead | None:
        object.__setattr__(self, "settings", replace(self.settings, steps=3, epochs=1))
        return begin(self, meter)

    monkeypatch.setattr(HonestScoring, "begin", other)
    made = condense("dm", data=data, ipc=2, overrides=TINY, out=tmp_path / "run", meter=Listener())
    assert table(made) == table(expected)
