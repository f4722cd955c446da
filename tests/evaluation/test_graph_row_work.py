"""Rows of graphs as units of work: processes change no score, and what two tables share is scored once."""

import dataclasses
import pickle
from collections.abc import Mapping

import pytest
import torch
from random_graphs import distil, random_graph_data

from ddkit.evaluation import EACH_SET, GraphJudge, GraphTraining, Score, evaluate_graph_set, graph_rows
from ddkit.evaluation.graph_row_work import ScoreGraphRow, score_graph_rows, score_key
from ddkit.executors import Needs, executor
from ddkit.methods import graph_method
from ddkit.methods.mirage import MirageSettings
from ddkit.run import SilentMeter
from ddkit.synth import GraphSet

CPU = Needs(torch.device("cpu"))

TRAINING = GraphTraining(gnns="gin,gcn", nets=3, steps=5, whole_steps=7, width=8)


class Recorder(SilentMeter):
    """A meter that keeps its calls."""

    def __init__(self) -> None:
        self.title, self.total, self.done = "", 0, list[int]()

    def start(self, title: str, total: int, done: int = 0) -> None:
        self.title, self.total = title, total

    def advance(self, done: int, values: Mapping[str, float] | None = None) -> None:
        self.done.append(done)


class Shelf:
    """Keeps scores in memory."""

    def __init__(self) -> None:
        self.scores: dict[str, Score] = {}

    def find(self, row: str) -> Score | None:
        return self.scores.get(row)

    def put(self, row: str, score: Score) -> None:
        assert row not in self.scores
        self.scores[row] = score


@pytest.fixture(scope="module")
def judge() -> GraphJudge:
    train, judged = (random_graph_data(seed, graphs=30, labels=1, edge_labels=1) for seed in (41, 42))
    return GraphJudge(train, judged, 2, TRAINING, 0)


@pytest.fixture(scope="module")
def made(judge: GraphJudge) -> GraphSet:
    return distil(graph_method("mirage"), MirageSettings(hops=2, ratio=0.3), judge.train, 0)


def test_processes_change_no_score_and_no_order(judge: GraphJudge, made: GraphSet) -> None:
    alone = evaluate_graph_set(made, judge, SilentMeter())
    with executor("local", 2):
        parallel = evaluate_graph_set(made, judge, SilentMeter(), needs=CPU)
    assert parallel.tables(with_seconds=False) == alone.tables(with_seconds=False)
    by_hand = [judge.score(row, gnn) for row in graph_rows(judge, {"mirage": made}).rows.values() for gnn in judge.gnns]
    assert [(one.name, one.net, one.metrics) for one in alone.scores[2:]] == [
        (one.name, one.net, one.metrics) for one in by_hand
    ]


def test_progress_counts_every_training_step_of_every_network(judge: GraphJudge, made: GraphSet) -> None:
    """Six rows: one is not trained, four have 5 steps, and the whole data has 7; each has 2 x 3 networks."""
    for workers in (1, 2):
        meter = Recorder()
        with executor("local", workers):
            evaluate_graph_set(made, judge, meter, needs=CPU)
        assert meter.title == "evaluating, in steps" and meter.total == 6 * (4 * 5 + 7)
        assert meter.done[-1] == meter.total and meter.done == sorted(meter.done)


def test_a_unit_can_be_sent() -> None:
    unit = ScoreGraphRow(1, "whole", "gin")
    assert pickle.loads(pickle.dumps(unit)) == unit


def test_what_two_tables_share_is_scored_once_and_bears_each_name(judge: GraphJudge, made: GraphSet) -> None:
    shelf = Shelf()
    tables = [graph_rows(judge, {"mirage": made}), graph_rows(judge, {"mine": made}, EACH_SET)]
    one, other = score_graph_rows(tables, SilentMeter(), shelf)
    assert len(shelf.scores) == len(one) == len(other)
    assert [score.metrics for score in one.values()] == [score.metrics for score in other.values()]
    assert other["mine", "gin"].name == "mine" and other["random, as mine", "gin"].name == "random, as mine"
    assert score_graph_rows(tables, SilentMeter(), shelf) == [one, other]  # `put` refuses a second score


def test_a_key_covers_what_a_score_depends_on(judge: GraphJudge, made: GraphSet) -> None:
    row = graph_rows(judge, {"mirage": made}).rows["mirage"]

    def other(**changes: int) -> GraphJudge:
        return dataclasses.replace(judge, training=dataclasses.replace(TRAINING, **changes))

    judges = [
        judge,
        other(steps=6),
        other(nets=2),
        dataclasses.replace(judge, seed=1),
        dataclasses.replace(judge, judged=judge.train),
        dataclasses.replace(judge, train=judge.judged),
        dataclasses.replace(judge, hops=1),
    ]
    keys = {score_key(one, row, "gin") for one in judges} | {score_key(judge, row, "gcn")}
    rows = graph_rows(judge, {"mirage": made}).rows.values()
    assert len(keys) == 8 and len({score_key(judge, one, "gin") for one in rows}) == len(rows)
    assert score_key(other(gnns="sage"), row, "gin") == score_key(judge, dataclasses.replace(row, name="x"), "gin")
