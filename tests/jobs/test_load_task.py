from pathlib import Path

import numpy as np
import pytest
from listener import Listener

from ddkit.jobs import compare, condense, evaluate

TINY = ("net.width=8", "net.depth=1", "evaluate.nets=2", "evaluate.steps=5", "evaluate.whole=false")


class DataListener(Listener):
    """Keeps the lines about the data."""

    def say(self, line: str) -> None:
        if line.startswith("data '"):
            super().say(line)


@pytest.fixture
def archive(tmp_path: Path) -> str:
    random = np.random.default_rng(0)
    arrays = {}
    for part, size in (("train", 1200), ("val", 30), ("test", 45)):
        arrays[f"{part}_images"] = random.integers(256, size=(size, 8, 8), dtype=np.uint8)
        arrays[f"{part}_labels"] = np.arange(size) % 3
    np.savez(tmp_path / "mine.npz", **arrays)
    return f"npz:{tmp_path / 'mine.npz'}"


def test_a_run_says_what_may_be_a_mistake_in_its_parts(archive: str, tmp_path: Path, home: Path) -> None:
    arrays = dict(np.load(tmp_path / "mine.npz"))
    arrays |= {"test_images": arrays["train_images"][:4], "test_labels": np.array([0, 1, 0, 1])}
    np.savez(tmp_path / "mine.npz", **arrays)
    meter = DataListener()
    condense("random", data=archive, ipc=1, overrides=TINY, out=tmp_path / "run", meter=meter)
    assert meter.lines[1:] == [
        "data 'mine': test has 2 of the 3 classes",
        "data 'mine': 4 of the 4 test images are also in train",
    ]


def test_a_run_states_its_parts(archive: str, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    meter, parts = DataListener(), "data 'mine': train 1,200, validation 30 (yours), test 45 (yours)"
    made = condense("random", data=archive, ipc=1, overrides=TINY, out="run", meter=meter)
    assert meter.lines == [parts]
    evaluate("run", meter=meter)
    assert meter.lines == [parts, parts]
    assert made.evaluation is not None and "on 30 validation images" in " ".join(made.evaluation.notes)
    meter.lines.clear()
    compare(["random-digits-ipc1"], sets=1, overrides=TINY, meter=meter)
    assert meter.lines == ["data 'digits': train 1,295, validation 142 (cut from train), test 360"]
