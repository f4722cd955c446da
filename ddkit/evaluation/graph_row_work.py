"""Score the rows of tables of graphs in parallel, and store each score when it is finished.

A unit of work is one row under one kind of network. The unit of progress is one training step of one network.
"""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass

from ddkit.evaluation.graph_judge import GraphJudge, GraphRow
from ddkit.evaluation.graph_rows import GraphRows
from ddkit.evaluation.row_work import KEEP_NOTHING, Keep, paced, score_all
from ddkit.evaluation.score import Score
from ddkit.executors import Needs, Report, executor_in_use
from ddkit.run import Meter

GraphScores = dict[tuple[str, str], Score]
"""Scores of one table by row and network."""


@dataclass(frozen=True)
class ScoreGraphRow:
    """A unit of work: train one row's networks of one kind, and judge them.

    Attributes:
        table: the index of the row's table.
        row: its name there.
        gnn: the kind of the networks.
    """

    table: int
    row: str
    gnn: str

    def run(self, common: Sequence[GraphRows], report: Report) -> Score:
        """The score. The number of finished training steps is reported from time to time."""
        table = common[self.table]
        return table.judge.score(table.rows[self.row], self.gnn, paced(report))


@dataclass(frozen=True, eq=False)
class GraphRowWork:
    """A row to be scored under one kind of network, and the amount of work.

    Attributes:
        name: of the row.
        key: names the stored score. It is a text of all that the score depends on, apart from versions.
        unit: the work itself.
        work: training steps of all networks.
        size: bytes of the training data. The largest rows take longest.
    """

    name: str
    key: str
    unit: ScoreGraphRow
    work: int
    size: int

    @property
    def step(self) -> int:
        return 1


def score_graph_rows(
    tables: Sequence[GraphRows], meter: Meter, keep: Keep = KEEP_NOTHING, needs: Needs | None = None
) -> list[GraphScores]:
    """The scores of all rows of all tables under all their networks. What is equal in two tables is scored once.

    Args:
        tables: the rows.
        meter: progress, in training steps.
        keep: stores each score when it is finished, and may have scores of an interrupted table.
        needs: of one row; None: rows are scored one after another in this process, else by the executor in use, the
            largest first.
    """
    keys: dict[tuple[int, str, str], str] = {}
    works: dict[str, GraphRowWork] = {}
    for number, table in enumerate(tables):
        for name, row in table.rows.items():
            for gnn in table.judge.gnns:
                key = keys[number, name, gnn] = score_key(table.judge, row, gnn)
                steps = table.judge.steps_of(row) * table.judge.training.nets
                works.setdefault(key, GraphRowWork(name, key, ScoreGraphRow(number, name, gnn), steps, row.size))
    missing = [work for work in works.values() if keep.find(work.key) is None]
    if 0 < len(missing) < len(works):
        meter.say(f"{len(works) - len(missing)} scores are kept from before; the others are computed now")
    if needs is not None and executor_in_use().at_once(needs) > 1:
        for number in {work.unit.table for work in missing}:
            _ = tables[number].judge.judged_samples  # made here, once, and not in every process
    ordered = sorted(works.values(), key=lambda work: -work.size)
    scores = score_all("evaluating", ordered, tables, meter, keep, needs, counted="steps")
    by_key = {work.key: score for work, score in zip(ordered, scores, strict=True)}
    found: list[GraphScores] = [{} for _ in tables]
    for (number, name, gnn), key in keys.items():
        found[number][name, gnn] = dataclasses.replace(by_key[key], name=name)
    return found


def score_key(judge: GraphJudge, row: GraphRow, gnn: str) -> str:
    """A text of all that a score depends on, apart from versions: data, training, seed, row and network."""
    training = dataclasses.asdict(judge.training)
    del training["gnns"], training["whole"]  # they decide which scores there are
    digests = [judge.train.digest, judge.judged.digest, *(source.digest for source in row.sources)]
    return json.dumps([digests, judge.hops, sorted(training.items()), judge.seed, row.trained_on, gnn])
