"""The honest table for graphs: every row's networks are trained alike, and meet the judged part once, at the end.

Rows beside a distilled set: always the largest class; what graph size alone tells; untrained networks; random real
graphs that weigh, as graphs, what the set weighs as it is stored, and what it weighs with its trees written out (up to
`most_written_out`); herding; all training graphs, through their lossless quotient. No setting and no step is chosen on
any of it.
"""

from collections.abc import Callable

from ddkit.evaluation.graph_judge import HERDING, SIZE, UNTRAINED, WHOLE, GraphJudge, GraphRow, Rows
from ddkit.evaluation.graph_trainer import GraphTraining
from ddkit.evaluation.majority import MAJORITY
from ddkit.evaluation.score import Evaluation, Score
from ddkit.run import Meter
from ddkit.synth import GraphSet

STORED, WRITTEN_OUT = "random, bytes as stored", "random, bytes written out"

MOST = 1_000_000
"""Bytes up to which random graphs stand for trees written out: about 300,000 edges, some minutes of training."""


def rows_beside(judge: GraphJudge, graphs: GraphSet) -> Rows:
    """The table of one set."""
    rows: Rows = {
        graphs.facts.method: judge.set_row(graphs),
        UNTRAINED: judge.untrained_row(),
        STORED: judge.random_row(STORED, graphs.stored_bytes),
        WRITTEN_OUT: judge.random_row(WRITTEN_OUT, min(graphs.explicit_bytes, most_written_out(judge, graphs))),
        HERDING: judge.herding_row(graphs.stored_bytes),
    }
    return rows | ({WHOLE: judge.whole_row()} if judge.training.whole else {})


def most_written_out(judge: GraphJudge, graphs: GraphSet) -> int:
    """Bytes that random graphs in the place of trees written out may take: half of the training graphs', at most MOST,
    and at least what the set takes as it is stored. Beyond that the row would be the whole data under another name, or
    take longest of all."""
    return max(graphs.stored_bytes, min(int(judge.bytes_each.sum()) // 2, MOST))


def capped(judge: GraphJudge, graphs: GraphSet, row: str) -> list[str]:
    """What is to be said of a row of random graphs that is smaller than the set's trees written out."""
    most = most_written_out(judge, graphs)
    if graphs.explicit_bytes <= most:
        return []
    return [
        f"'{row}': the set's trees written out take {graphs.explicit_bytes:,} bytes; the row holds graphs of {most:,} "
        f"bytes at most, the training graphs being {int(judge.bytes_each.sum()):,}"
    ]


def gaps(rows: Rows) -> list[str]:
    """What is to be said of rows that are not there, or hold graphs of some classes only."""
    told = []
    for name, row in rows.items():
        if row is None:
            told.append(f"no row '{name}': not one graph fits into its bytes")
        elif row.lacking:
            told.append(f"'{name}': its bytes are too few for graphs of all classes ({', '.join(row.lacking)} missing)")
    return told


def evaluate_graph_set(
    graphs: GraphSet,
    judge: GraphJudge,
    meter: Meter,
    score: Callable[[GraphRow, str], Score] | None = None,
    about: tuple[str, ...] = (),
) -> Evaluation:
    """Score a set and its rivals on the test part, by the judge itself or by a `score` that keeps what he found.

    Args:
        about: notes on the graphs, which come first.

    Raises:
        UsageError: an unknown network.
    """
    rows = rows_beside(judge, graphs)
    tasks = [(row, gnn) for row in rows.values() if row is not None for gnn in judge.gnns]
    meter.start("evaluating", len(tasks))
    scores = judge.scores_without_network()
    for done, (row, gnn) in enumerate(tasks, start=1):
        scores.append((score or judge.score)(row, gnn))
        meter.advance(done, {f"{row.name}, {gnn}": scores[-1].mean})
    meter.finish()
    told = (*about, *notes(judge.training, "test", judge.uneven), *capped(judge, graphs, WRITTEN_OUT), *gaps(rows))
    return Evaluation(
        protocol="honest",
        dataset=judge.train.name,
        net=f"{judge.hops} hops",
        seed=judge.seed,
        scores=tuple(scores),
        notes=told,
        hops=judge.hops,
        uneven=judge.uneven,
    )


def notes(training: GraphTraining, on: str, uneven: bool) -> tuple[str, ...]:
    """What a reader must know of a table's figures."""
    balanced = ("balanced: the mean of the classes' own accuracies; the classes differ in size",)
    return (
        f"ROC-AUC and accuracy on the {on} graphs after the last step; mean and 95 % interval over {training.nets} "
        "networks; random: a draw each",
        *(balanced if uneven else ()),
        f"{MAJORITY}: always the largest class of the training graphs",
        f"every row: AdamW, {training.steps} steps on all samples (whole: {training.whole_steps}), lr {training.lr}, "
        f"width {training.width}, mean readout; nothing is chosen on any held-out graph",
        "bytes: plain arrays in the smallest types; of the set as it is stored (distinct trees once)",
        f"{SIZE}: logistic regression on the numbers of nodes and edges, which has no network",
    )
