"""The table of a set of graphs, not yet scored. `condense` and `evaluate` both score their tables here."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property

from ddkit.evaluation import Evaluation, GraphJudge, evaluate_graph_set
from ddkit.jobs.data.graph_memory import graph_row_needs
from ddkit.jobs.tables.kept_rows import KeptRows
from ddkit.run import Meter
from ddkit.synth import GraphSet


@dataclass(frozen=True, eq=False)
class GraphScoring:
    """The table of one set. Scores are stored until it is finished, and rows are scored on all cores.

    Attributes:
        made: the set.
        judge: trains and judges networks.
        about: notes on the graphs, for the table.
    """

    made: GraphSet
    judge: GraphJudge
    about: tuple[str, ...]

    @cached_property
    def rows(self) -> KeptRows:
        """The stored scores. Another evaluation of the same table reads them."""
        return KeptRows.of_graphs(self.made, self.judge)

    def check(self) -> None:
        self.rows.check()

    def held(self) -> AbstractContextManager[None]:
        return self.rows.in_use()

    def begin(self, meter: Meter) -> None:
        """Methods for graphs take one step, so nothing is scored meanwhile."""

    def continues(self, other: object) -> bool:
        return False

    def evaluate(self, meter: Meter) -> Evaluation:
        """Score the rows that have no stored score."""
        needs = graph_row_needs(self.judge)
        return evaluate_graph_set(self.made, self.judge, meter, about=self.about, keep=self.rows, needs=needs)

    def clear(self) -> None:
        self.rows.clear()
