"""Who trains and judges networks on graphs: every row alike, and none meets the judged graphs before it is trained."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from ddkit.errors import DataError
from ddkit.evaluation.graph_rivals import herding_graphs, judge_by_size, random_graphs
from ddkit.evaluation.graph_samples import GraphSamples, distilled, whole_graphs
from ddkit.evaluation.graph_trainer import GraphTraining, Verdict, judge_gnn, train_gnns
from ddkit.evaluation.majority import MAJORITY, majority_balanced, majority_class, majority_share, uneven
from ddkit.evaluation.score import ACCURACY, AUC, BALANCED, Score, without_networks
from ddkit.gnns import GNN, NEED_DEGREES
from ddkit.graphs import GraphData, graph_bytes
from ddkit.randomness import stream
from ddkit.synth import GraphSet

DTYPE = torch.float32
SIZE, UNTRAINED, HERDING, WHOLE = "graph size", "untrained", "herding", "whole"
"""Rows that every table of graphs may have."""


@dataclass(frozen=True, eq=False)
class GraphRow:
    """What networks are trained on: one source for all of them or one a network; none for those left untrained."""

    name: str
    trained_on: str
    """A set by its digest, real graphs by how they were drawn. It and the seed decide the networks' random streams; the
    name is for the table alone."""
    size: int
    """In bytes, of the largest of its sources."""
    sources: tuple[GraphSet | GraphData, ...]
    whole: bool = False

    @property
    def lacking(self) -> list[str]:
        """Classes of which one of its draws of real graphs holds no graph."""
        drawn = [source for source in self.sources if isinstance(source, GraphData)]
        return sorted({name for one in drawn for c, name in enumerate(one.classes) if c not in one.y})


Rows = dict[str, GraphRow | None]
"""By what they are called in a table; None for what not one graph fits into."""


@dataclass(frozen=True, eq=False)
class GraphJudge:
    """Real graphs to train on, those to judge on, and how: what all rows of a table share.

    Raises:
        DataError: the graphs to judge on are of one class, between which and others nothing can tell.
    """

    train: GraphData
    judged: GraphData
    hops: int
    training: GraphTraining
    seed: int

    def __post_init__(self) -> None:
        if len(held := np.unique(self.judged.y)) < 2:
            name = self.judged.classes[int(held[0])] if len(held) else "none"
            raise DataError(
                f"graphs '{self.judged.name}': all {len(self.judged)} graphs to be judged on are of class '{name}', so "
                "there is no ROC-AUC; take another data.split_seed"
            )

    @property
    def gnns(self) -> list[str]:
        """The networks' names."""
        return self.training.networks

    @cached_property
    def bytes_each(self) -> np.ndarray:
        """Bytes of each training graph."""
        return graph_bytes(self.train)

    @cached_property
    def _judged_samples(self) -> dict[bool, GraphSamples]:
        needed = {gnn in NEED_DEGREES for gnn in self.gnns}
        return {with_degrees: self._samples(self.judged, with_degrees) for with_degrees in needed}

    def _samples(self, source: GraphSet | GraphData, with_degrees: bool) -> GraphSamples:
        if isinstance(source, GraphSet):
            return distilled(source, with_degrees, DTYPE)
        return whole_graphs(source, self.hops, with_degrees, DTYPE)

    def score(self, row: GraphRow, gnn: str) -> Score:
        """Train the row's networks of one kind, each from its own initialisation, and judge them."""
        begin, training = time.perf_counter(), self.training
        with_degrees = gnn in NEED_DEGREES
        samples = [self._samples(source, with_degrees) for source in row.sources]
        nodes, edges = (torch.from_numpy(v) for v in (self.train.node_vocabulary, self.train.edge_vocabulary))
        steps = training.whole_steps if row.whole else training.steps
        nets = []
        for i in range(training.nets):
            generator = stream(self.seed, "graphs", row.trained_on, gnn, i)
            nets.append(GNN(gnn, nodes, edges, self.hops, training.width, len(self.train.classes), generator))
        if samples:
            train_gnns(nets, [samples[i % len(samples)] for i in range(len(nets))], steps, training)
        verdicts = [judge_gnn(net, self._judged_samples[with_degrees]) for net in nets]
        aucs, accuracies, balanced = zip(*verdicts, strict=True)
        return Score(
            name=row.name,
            net=gnn,
            metrics={AUC: aucs, ACCURACY: accuracies, BALANCED: balanced},
            samples=len(samples[0]) if samples else 0,
            size=row.size,
            seconds=time.perf_counter() - begin,
        )

    def scores_without_network(self) -> list[Score]:
        """What the classes' shares and graph size alone tell. There is no draw, so one figure each."""
        train, judged = (
            np.bincount(data.y, minlength=len(data.classes)).tolist() for data in (self.train, self.judged)
        )
        always = majority_balanced(judged, majority_class(train))
        found = {
            MAJORITY: Verdict(0.5, majority_share(train, judged), always),
            SIZE: judge_by_size(self.train, self.judged),
        }
        return [
            without_networks(
                name, {AUC: one.auc, ACCURACY: one.accuracy, BALANCED: one.balanced}, len(self.train), size=0
            )
            for name, one in found.items()
        ]

    @property
    def uneven(self) -> bool:
        """Whether the judged classes differ so much in size that accuracy needs the balanced one beside it."""
        return uneven(np.bincount(self.judged.y, minlength=len(self.judged.classes)).tolist())

    def set_row(self, graphs: GraphSet) -> GraphRow:
        """A distilled set, the same for every network."""
        return GraphRow(graphs.facts.method, f"set {graphs.digest}", graphs.stored_bytes, (graphs,))

    def random_row(self, name: str, budget: int) -> GraphRow | None:
        """Random graphs of at most `budget` bytes, a draw for each network; None if not one fits."""
        draws = []
        for i in range(self.training.nets):
            generator = stream(self.seed, "graphs", "random", budget, i)
            draws.append(random_graphs(self.bytes_each, self.train.y, budget, generator))
        return self._real_row(name, f"random {budget}", draws)

    def herding_row(self, budget: int) -> GraphRow | None:
        """Herding's graphs of at most `budget` bytes; None if not one fits."""
        return self._real_row(HERDING, f"herding {budget}", [herding_graphs(self.train, self.bytes_each, budget)])

    def whole_row(self) -> GraphRow:
        """All training graphs."""
        return GraphRow(WHOLE, WHOLE, int(self.bytes_each.sum()), (self.train,), whole=True)

    def untrained_row(self) -> GraphRow:
        """Networks as they are initialised."""
        return GraphRow(UNTRAINED, UNTRAINED, 0, ())

    def _real_row(self, name: str, trained_on: str, draws: Sequence[np.ndarray]) -> GraphRow | None:
        if not all(len(draw) for draw in draws):
            return None
        heaviest = max(int(self.bytes_each[draw].sum()) for draw in draws)
        return GraphRow(name, trained_on, heaviest, tuple(self.train.subset(draw) for draw in draws))
