"""Train networks on the rows of a table of graphs, all in the same way, and judge them after training."""

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
from ddkit.evaluation.row_work import StepWatch
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
    """One row of a table: the graphs that networks are trained on.

    Attributes:
        name: of the row in the table.
        trained_on: the digest of a set, or how real graphs were drawn. The networks' random streams depend on it and on
            the seed.
        size: bytes of the largest of its sources.
        sources: one for all networks, or one for each network; none if networks are not trained.
        whole: whether it has all training graphs.
    """

    name: str
    trained_on: str
    size: int
    sources: tuple[GraphSet | GraphData, ...]
    whole: bool = False

    @property
    def lacking(self) -> list[str]:
        """Classes without any graph in one of the draws of real graphs."""
        drawn = [source for source in self.sources if isinstance(source, GraphData)]
        return sorted({name for draw in drawn for c, name in enumerate(draw.classes) if c not in draw.y})


@dataclass(frozen=True, eq=False)
class GraphJudge:
    """What all rows of a table share.

    Attributes:
        train: the training graphs.
        judged: the graphs that networks are judged on.
        hops: number of convolutions.
        training: how networks are trained.
        seed: of all draws.

    Raises:
        DataError: the judged graphs have one class only, for which ROC-AUC is not defined.
    """

    train: GraphData
    judged: GraphData
    hops: int
    training: GraphTraining
    seed: int

    def __post_init__(self) -> None:
        if len(present := np.unique(self.judged.y)) < 2:
            name = self.judged.classes[int(present[0])] if len(present) else "none"
            raise DataError(
                f"graphs '{self.judged.name}': all {len(self.judged)} judged graphs are of class '{name}', so there is "
                "no ROC-AUC; use another data.split_seed"
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
    def judged_samples(self) -> dict[bool, GraphSamples]:
        """The judged graphs as input of networks without and with degrees."""
        needed = {gnn in NEED_DEGREES for gnn in self.gnns}
        return {with_degrees: self._samples(self.judged, with_degrees) for with_degrees in needed}

    def _samples(self, source: GraphSet | GraphData, with_degrees: bool) -> GraphSamples:
        if isinstance(source, GraphSet):
            return distilled(source, with_degrees, DTYPE)
        return whole_graphs(source, self.hops, with_degrees, DTYPE)

    def steps_of(self, row: GraphRow) -> int:
        """Training steps of each of the row's networks."""
        if not row.sources:
            return 0
        return self.training.whole_steps if row.whole else self.training.steps

    def score(self, row: GraphRow, gnn: str, watch: StepWatch = lambda steps: None) -> Score:
        """Train the row's networks of one kind, each from its own initialisation, and judge them.

        `watch` is called with the number of finished training steps of all networks.
        """
        begin, training = time.perf_counter(), self.training
        with_degrees = gnn in NEED_DEGREES
        samples = [self._samples(source, with_degrees) for source in row.sources]
        nodes, edges = (torch.from_numpy(v) for v in (self.train.node_vocabulary, self.train.edge_vocabulary))
        nets = []
        for i in range(training.nets):
            generator = stream(self.seed, "graphs", row.trained_on, gnn, i)
            nets.append(GNN(gnn, nodes, edges, self.hops, training.width, len(self.train.classes), generator))
        if samples:
            own = [samples[i % len(samples)] for i in range(len(nets))]
            train_gnns(nets, own, self.steps_of(row), training, watch)
        verdicts = [judge_gnn(net, self.judged_samples[with_degrees]) for net in nets]
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
        """The scores of the majority class and of graph sizes alone. Without draws, each has a single figure."""
        train, judged = (
            np.bincount(data.y, minlength=len(data.classes)).tolist() for data in (self.train, self.judged)
        )
        balanced = majority_balanced(judged, majority_class(train))
        found = {
            MAJORITY: Verdict(0.5, majority_share(train, judged), balanced),
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
        """Whether the judged classes differ so much in size that the table states balanced accuracy."""
        return uneven(np.bincount(self.judged.y, minlength=len(self.judged.classes)).tolist())

    def set_row(self, graphs: GraphSet) -> GraphRow:
        """The row of a distilled set, which all networks are trained on."""
        return GraphRow(graphs.facts.method, f"set {graphs.digest}", graphs.stored_bytes, (graphs,))

    def random_row(self, name: str, budget: int) -> GraphRow | None:
        """Random graphs of at most `budget` bytes, another draw for each network; None if no graph fits."""
        draws = []
        for i in range(self.training.nets):
            generator = stream(self.seed, "graphs", "random", budget, i)
            draws.append(random_graphs(self.bytes_each, self.train.y, budget, generator))
        return self._real_row(name, f"random {budget}", draws)

    def herding_row(self, name: str, budget: int) -> GraphRow | None:
        """Herding's graphs of at most `budget` bytes; None if no graph fits."""
        return self._real_row(name, f"herding {budget}", [herding_graphs(self.train, self.bytes_each, budget)])

    def whole_row(self) -> GraphRow:
        """All training graphs."""
        return GraphRow(WHOLE, WHOLE, int(self.bytes_each.sum()), (self.train,), whole=True)

    def untrained_row(self) -> GraphRow:
        """The row of networks that are not trained."""
        return GraphRow(UNTRAINED, UNTRAINED, 0, ())

    def _real_row(self, name: str, trained_on: str, draws: Sequence[np.ndarray]) -> GraphRow | None:
        if not all(len(draw) for draw in draws):
            return None
        heaviest = max(int(self.bytes_each[draw].sum()) for draw in draws)
        return GraphRow(name, trained_on, heaviest, tuple(self.train.subset(draw) for draw in draws))
