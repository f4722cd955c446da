"""Whole runs of the methods whose sets are more than images, and what a run says of itself."""

import re
from pathlib import Path

import pytest
import torch
from listener import Listener
from own_graphs import own

from ddkit.errors import NumericalError, UsageError
from ddkit.experts import list_buffers
from ddkit.jobs import condense, evaluate

pytestmark = pytest.mark.pictures

TINY = (
    *("data.name=digits", "net.width=8", "net.depth=1", "experts.count=2", "experts.batch=256"),
    *("method.iterations=4", "method.syn_steps=4", "method.batch_syn=10", "method.max_start_epoch=2"),
    *("method.teacher_epoch=3", "evaluate.nets=2", "evaluate.steps=20", "evaluate.epochs=1", "evaluate.whole=false"),
)


def test_a_set_with_learned_labels_is_made_scored_and_scored_again(tmp_path: Path, home: Path) -> None:
    made = condense("datm", ipc=2, out=tmp_path / "run", overrides=(*TINY, "method.threshold=none"))
    soft = made.set.soft_labels
    assert soft is not None and soft.shape == (20, 10)
    torch.testing.assert_close(soft.sum(1), torch.ones(20))
    assert 0 < float(soft.max(1).values.mean()) < 1
    assert made.set.labels.tolist() == [c for c in range(10) for _ in range(2)]
    (buffer,) = list_buffers(home / "buffers")
    assert [buffer.rows(expert) for expert in buffer.experts] == [4, 4]  # the teachers' epoch, 3, and the beginning
    again = evaluate(tmp_path / "run", overrides=("evaluate.nets=2",))
    assert made.evaluation is not None
    assert [s.accuracies for s in again.scores] == [s.accuracies for s in made.evaluation.scores]


@pytest.mark.parametrize(
    ("threshold", "message"),
    [("1e-9", "4 of 4 iterations changed nothing, .* equals the initial one"), ("none", None)],
)
def test_iterations_that_changed_nothing_are_told(
    tmp_path: Path, home: Path, threshold: str, message: str | None
) -> None:
    meter = Listener()
    overrides = (*TINY, f"method.threshold={threshold}")
    condense("datm", out=tmp_path / "run", overrides=overrides, evaluate=False, meter=meter)
    lines = [line for line in meter.lines if "changed nothing" in line]
    assert bool(lines) == bool(message)
    if message:
        assert re.search(message, lines[0])


def test_labels_without_teachers_are_refused_before_a_set_is_made(tmp_path: Path, home: Path) -> None:
    """The error once came after the condensation, which can take hours."""
    words = ("evaluate.labels=dynamic",)
    with pytest.raises(UsageError, match="labels: dynamic labels need teachers"):
        condense("herding", out=tmp_path / "run", overrides=words)
    assert not (tmp_path / "run").exists()
    assert condense("herding", out=tmp_path / "run", overrides=words, evaluate=False).evaluation is None


@pytest.mark.parametrize("kind", ["plain", "flat", "smooth"])
def test_any_experts_suit_any_method(tmp_path: Path, home: Path, kind: str) -> None:
    made = condense("ast", out=tmp_path / "run", overrides=(f"experts.name={kind}", *TINY), evaluate=False)
    assert bool(made.set.images.isfinite().all())


@pytest.mark.parametrize("method", ["herding", "mirage"])
def test_a_one_shot_run_whose_evaluation_fails_can_be_resumed(
    method: str, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A one-shot method writes no checkpoint; its set is there, and the run is not forgotten."""
    module, called, short = {
        "herding": (
            "tables.image_scoring",
            "evaluate_honestly",
            ("evaluate.epochs=1", "net.name=convnet", "net.width=4"),
        ),
        "mirage": (
            *("tables.graph_scoring", "evaluate_graph_set"),
            ("evaluate.gnns=gin", "method.hops=1", "method.ratio=0.3"),
        ),
    }[method]
    overrides = ("evaluate.nets=2", "evaluate.steps=5", "evaluate.whole=false", *short)
    data = own(tmp_path / "own") if method == "mirage" else "digits"

    def fails(*_: object, **__: object) -> None:
        raise NumericalError("the numbers are lost")

    with monkeypatch.context() as patch:
        patch.setattr(f"ddkit.jobs.{module}.{called}", fails)
        with pytest.raises(NumericalError, match="the numbers are lost"):
            condense(method, data=data, overrides=overrides, out=tmp_path / "run")
    again = condense(method, data=data, overrides=overrides, out=tmp_path / "run", resume=True)
    whole = condense(method, data=data, overrides=overrides, out=tmp_path / "whole")
    assert again.evaluation is not None and whole.evaluation is not None
    assert (tmp_path / "run" / "set.h5").read_bytes() == (tmp_path / "whole" / "set.h5").read_bytes()
