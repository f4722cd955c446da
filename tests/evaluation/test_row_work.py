"""Progress of a table in what is done, and scores that are kept as they are there."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from ddkit.data import DSA, RealData
from ddkit.evaluation import PAPERS, EvaluateSettings, Score, evaluate_as_paper, evaluate_honestly
from ddkit.evaluation.training import honest_training
from ddkit.nets import FlatNet
from ddkit.run import SilentMeter
from ddkit.synth import SyntheticSet
from ddkit.task import Task

SETTINGS = EvaluateSettings(nets=2, steps=15, epochs=2, batch=32)


class Recorder(SilentMeter):
    """What a meter was told."""

    def __init__(self) -> None:
        self.total, self.done = 0, list[int]()

    def start(self, title: str, total: int, done: int = 0) -> None:
        self.total = total

    def advance(self, done: int, values: Mapping[str, float] | None = None) -> None:
        self.done.append(done)


def run(name: str, meter: Recorder, synthetic: SyntheticSet, real: RealData, net: FlatNet, **more: Any) -> list[Score]:
    task = Task(real, net, DSA(""))
    if name == "honest":
        return list(evaluate_honestly(synthetic, task, SETTINGS, 0, meter, **more).scores)
    import dataclasses

    protocol = dataclasses.replace(PAPERS[name], epochs=20)
    return list(evaluate_as_paper({"last": synthetic}, task, protocol, 0, meter, nets=2, **more).scores)


@pytest.mark.parametrize("name, rows, steps", [("honest", 5, 4 * 15 + 81), ("mtt", 2, 2 * 21), ("ftd", 2, 4 * 21)])
def test_every_step_counts_as_many_images_as_it_learns_from(
    name: str, rows: int, steps: int, synthetic: SyntheticSet, real: RealData, net: FlatNet
) -> None:
    meter = Recorder()
    run(name, meter, synthetic, real, net)
    assert len(meter.done) == steps + rows  # each step, and each row when it is judged
    assert meter.done == sorted(meter.done) and meter.done[-1] == meter.total
    assert meter.done[0] == 20  # the set's images, all in one batch
    if name == "honest":
        assert steps == 4 * SETTINGS.steps + honest_training(SETTINGS, len(real.train)).steps
        judged = (len(real.validation) + len(real.data.test_labels) // 4) // 3
        assert meter.total == 4 * 15 * 20 + 81 * 32 + 5 * judged


@pytest.mark.parametrize("name", ["honest", "mtt"])
def test_scores_reach_who_keeps_them_row_by_row(
    name: str, synthetic: SyntheticSet, real: RealData, net: FlatNet
) -> None:
    kept: dict[str, Score] = {}

    def keep(row: str, score: Callable[[], Score]) -> Score:
        if len(kept) == 1:
            raise KeyboardInterrupt
        kept[row] = score()
        return kept[row]

    with pytest.raises(KeyboardInterrupt):
        run(name, Recorder(), synthetic, real, net, keep=keep)
    ((row, score),) = kept.items()
    assert row == ("0, toy" if name == "honest" else "0, toy (last)") and len(score.accuracies) == 2

    def remember(row: str, score: Callable[[], Score]) -> Score:
        return kept[row] if row in kept else score()

    whole, again = (run(name, Recorder(), synthetic, real, net, **more) for more in ({}, {"keep": remember}))
    assert [s.accuracies for s in whole] == [s.accuracies for s in again] and again[0] is score
