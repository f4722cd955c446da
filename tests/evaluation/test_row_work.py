"""Progress of a table in what is done, and scores that are kept as they are there."""

import dataclasses
import multiprocessing
import pickle
from collections.abc import Mapping
from typing import Any

import pytest
import torch

from ddkit.data import DSA, RealData
from ddkit.evaluation import (
    PAPERS,
    EvaluateSettings,
    RivalRow,
    Score,
    ScoreRow,
    SetRow,
    Table,
    WholeRow,
    evaluate_as_paper,
    evaluate_honestly,
    row_needs,
    row_work,
)
from ddkit.evaluation.row_memory import row_memory
from ddkit.evaluation.training import honest_training
from ddkit.executors import Needs, executor
from ddkit.executors.local import LocalExecutor
from ddkit.nets import FlatNet, parse_net
from ddkit.run import SilentMeter
from ddkit.synth import SyntheticSet
from ddkit.task import Task

SETTINGS = EvaluateSettings(nets=2, steps=15, epochs=2, batch=32)

CPU = Needs(torch.device("cpu"))


class Recorder(SilentMeter):
    """A meter that keeps its total and its steps."""

    def __init__(self) -> None:
        self.total, self.done = 0, list[int]()

    def start(self, title: str, total: int, done: int = 0) -> None:
        self.total = total

    def advance(self, done: int, values: Mapping[str, float] | None = None) -> None:
        self.done.append(done)


def run(name: str, meter: Recorder, synthetic: SyntheticSet, real: RealData, net: FlatNet, **more: Any) -> list[Score]:
    task = Task(real, net, DSA(""))
    if name == "honest":
        return list(evaluate_honestly(Table.of_set(synthetic, task, SETTINGS), 0, meter, **more).scores)
    protocol = dataclasses.replace(PAPERS[name], epochs=20)
    return list(evaluate_as_paper({"last": synthetic}, task, protocol, 0, meter, nets=2, **more).scores)


@pytest.mark.parametrize("name, rows, steps", [("honest", 5, 4 * 15 + 81), ("mtt", 2, 2 * 21), ("ftd", 2, 4 * 21)])
def test_every_step_counts_as_many_images_as_it_learns_from(
    name: str,
    rows: int,
    steps: int,
    synthetic: SyntheticSet,
    real: RealData,
    net: FlatNet,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(row_work, "PACE", 0.0)
    meter = Recorder()
    run(name, meter, synthetic, real, net)
    assert len(meter.done) == steps + rows  # each step, and each row when it is judged
    assert meter.done == sorted(meter.done) and meter.done[-1] == meter.total
    assert meter.done[0] == 20  # the set's images, all in one batch
    if name == "honest":
        assert steps == 4 * SETTINGS.steps + honest_training(SETTINGS, len(real.train)).steps
        judged = (len(real.validation) + len(real.data.test_labels) // 4) // 3
        assert meter.total == 4 * 15 * 20 + 81 * 32 + 5 * judged


class Kept:
    """Keeps scores in memory; from the second one on it is interrupted."""

    def __init__(self, patient: bool = False) -> None:
        self.scores: dict[str, Score] = {}
        self.patient = patient

    def find(self, row: str) -> Score | None:
        return self.scores.get(row)

    def put(self, row: str, score: Score) -> None:
        if self.scores and not self.patient:
            raise KeyboardInterrupt
        self.scores[row] = score


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("name", ["honest", "mtt"])
def test_scores_are_kept_row_by_row(
    name: str, workers: int, synthetic: SyntheticSet, real: RealData, net: FlatNet
) -> None:
    kept = Kept()
    with pytest.raises(KeyboardInterrupt):
        with executor("local", workers):
            run(name, Recorder(), synthetic, real, net, keep=kept, needs=CPU)
    assert not multiprocessing.active_children()
    ((row, score),) = kept.scores.items()
    assert len(score.accuracies) == 2
    if workers == 1:
        assert row == ("0, toy" if name == "honest" else "0, toy (last)")
    kept.patient = True
    whole, again = (run(name, Recorder(), synthetic, real, net, **more) for more in ({}, {"keep": kept}))
    assert [s.accuracies for s in whole] == [s.accuracies for s in again]
    assert any(own is score for own in again) or name == "mtt"  # there the best snapshot alone is shown


@pytest.mark.parametrize("name", ["honest", "mtt"])
def test_rows_in_processes_have_the_scores_of_rows_here(
    name: str, synthetic: SyntheticSet, real: RealData, net: FlatNet
) -> None:
    """Progress stays true: it never falls, and ends at the total."""
    meters = Recorder(), Recorder()
    here = run(name, meters[0], synthetic, real, net)
    with executor("local", 3):
        there = run(name, meters[1], synthetic, real, net, needs=CPU)
    assert [dataclasses.replace(score, seconds=0.0) for score in here] == [
        dataclasses.replace(score, seconds=0.0) for score in there
    ]
    assert meters[0].total == meters[1].total
    assert meters[1].done == sorted(meters[1].done) and meters[1].done[-1] == meters[1].total


def test_a_row_is_small_however_large_the_data(real: RealData) -> None:
    """What travels to a worker holds no images."""
    for row in (SetRow("toy", 0), RivalRow("kmeans", "kmeans"), WholeRow()):
        assert len(pickle.dumps(ScoreRow(row, 0))) < 1000


def test_how_many_rows_at_once_follows_from_memory(
    real: RealData, net: FlatNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ddkit.executors.local.process_count", lambda: 4)
    task, wide = Task(real, net, DSA("")), Task(real, FlatNet(parse_net("convnet(width=512)"), net.shape, 10), DSA(""))
    small, large = row_memory(task, SETTINGS), row_memory(wide, SETTINGS)
    assert large > 10 * small
    for free, count in ((4 * small, 4), (3 * small, 3), (small // 2, 1)):
        monkeypatch.setattr("ddkit.executors.local.free_memory", lambda device, free=free: free)
        assert LocalExecutor().at_once(row_needs(task, SETTINGS)) == count


def test_activations_are_what_the_layers_put_out() -> None:
    """By hand: convolution, normalisation and ReLU of 4 x 8 x 8, pooling to 4 x 4 x 4, and three logits."""
    net = FlatNet(parse_net("convnet(depth=1, width=4)"), (1, 8, 8), 3)
    assert net.activations == 3 * 4 * 64 + 4 * 16 + 3
