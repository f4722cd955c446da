"""The honest table for graphs. All rows have the same training, and the judged part is used once, after it.

The rivals of a distilled set are: always the largest class; a classifier on graph sizes alone; untrained networks;
random real graphs of as many bytes as the stored set, and of as many bytes as its trees written out (at most
`most_written_out`); herding; and all training graphs, through their lossless quotient. No setting and no step is
chosen on the judged part.
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
"""Most bytes of random graphs in the row for trees written out: about 300,000 edges, some minutes of training."""


def rows_beside(judge: GraphJudge, graphs: GraphSet) -> Rows:
    """The rows of one set's table by name."""
    rows: Rows = {
        graphs.facts.method: judge.set_row(graphs),
        UNTRAINED: judge.untrained_row(),
        STORED: judge.random_row(STORED, graphs.stored_bytes),
        WRITTEN_OUT: judge.random_row(WRITTEN_OUT, min(graphs.explicit_bytes, most_written_out(judge, graphs))),
        HERDING: judge.herding_row(graphs.stored_bytes),
    }
    return rows | ({WHOLE: judge.whole_row()} if judge.training.whole else {})


def most_written_out(judge: GraphJudge, graphs: GraphSet) -> int:
    """Most bytes of random graphs in the row for trees written out.

    They are half of the training graphs' bytes, at most MOST, and at least the bytes of the stored set. Larger rows
    would be nearly the whole data, or would need the longest training of all.
    """
    return max(graphs.stored_bytes, min(int(judge.bytes_each.sum()) // 2, MOST))


def capped(judge: GraphJudge, graphs: GraphSet, row: str) -> list[str]:
    """A note if the row of random graphs is smaller than the set's trees written out."""
    most = most_written_out(judge, graphs)
    if graphs.explicit_bytes <= most:
        return []
    return [
        f"'{row}': the set's trees written out have {graphs.explicit_bytes:,} bytes, but the row has graphs of at most "
        f"{most:,} bytes; all training graphs have {int(judge.bytes_each.sum()):,}"
    ]


def gaps(rows: Rows) -> list[str]:
    """Notes on rows that are missing, and on rows without graphs of some classes."""
    found = []
    for name, row in rows.items():
        if row is None:
            found.append(f"no row '{name}': its bytes are too few for one graph")
        elif row.lacking:
            found.append(
                f"'{name}': its bytes are too few for graphs of all classes ({', '.join(row.lacking)} missing)"
            )
    return found


def evaluate_graph_set(
    graphs: GraphSet,
    judge: GraphJudge,
    meter: Meter,
    score: Callable[[GraphRow, str], Score] | None = None,
    about: tuple[str, ...] = (),
) -> Evaluation:
    """Score a set and its rivals on the test part.

    Args:
        graphs: the set.
        judge: trains and judges networks.
        meter: progress.
        score: a function that stores scores; default `judge.score`.
        about: notes on the graphs, which are the first notes of the table.

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
    all_notes = (*about, *notes(judge.training, "test", judge.uneven), *capped(judge, graphs, WRITTEN_OUT), *gaps(rows))
    return Evaluation(
        protocol="honest",
        dataset=judge.train.name,
        net=f"{judge.hops} hops",
        seed=judge.seed,
        scores=tuple(scores),
        notes=all_notes,
        hops=judge.hops,
        uneven=judge.uneven,
    )


def notes(training: GraphTraining, on: str, uneven: bool) -> tuple[str, ...]:
    """Notes on how a table's figures were obtained."""
    balanced = ("balanced: the mean of the classes' accuracies; the classes differ in size",)
    return (
        f"ROC-AUC and accuracy on the {on} graphs after the last step; mean and 95 % interval over {training.nets} "
        "networks; random: another draw for each network",
        *(balanced if uneven else ()),
        f"{MAJORITY}: always the largest class of the training graphs",
        f"every row: AdamW, {training.steps} steps on all samples (whole: {training.whole_steps}), lr {training.lr}, "
        f"width {training.width}, mean readout; nothing is chosen on held-out graphs",
        "bytes: of plain arrays in the smallest types; a set stores distinct trees once",
        f"{SIZE}: logistic regression on the numbers of nodes and edges, without a network",
    )
