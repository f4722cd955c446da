"""The honest table for graphs. All rows have the same training, and the judged part is used once, after it.

The rivals of a distilled set are: always the largest class; a classifier on graph sizes alone; untrained networks;
random real graphs of as many bytes as the stored set, and of as many bytes as its trees written out (at most
`most_written_out`); herding; and all training graphs. For the last row, equal trees of the graphs are merged, which
changes neither outputs nor gradients of a network. No setting and no step is chosen on the judged part.
"""

from ddkit.evaluation.graph_judge import SIZE, GraphJudge
from ddkit.evaluation.graph_row_work import score_graph_rows
from ddkit.evaluation.graph_rows import graph_rows
from ddkit.evaluation.graph_trainer import GraphTraining
from ddkit.evaluation.majority import MAJORITY
from ddkit.evaluation.row_work import KEEP_NOTHING, Keep
from ddkit.evaluation.score import Evaluation
from ddkit.executors import Needs
from ddkit.run import Meter
from ddkit.synth import GraphSet


def evaluate_graph_set(
    graphs: GraphSet,
    judge: GraphJudge,
    meter: Meter,
    *,
    about: tuple[str, ...] = (),
    keep: Keep = KEEP_NOTHING,
    needs: Needs | None = None,
) -> Evaluation:
    """Score a set and its rivals on the test part.

    Args:
        graphs: the set.
        judge: trains and judges networks.
        meter: progress.
        about: notes on the graphs, which are the first notes of the table.
        keep: stores each score when it is finished.
        needs: of one row; None: rows are scored one after another in this process.

    Raises:
        UsageError: an unknown network.
    """
    table = graph_rows(judge, {graphs.facts.method: graphs})
    without = judge.scores_without_network()
    (scores,) = score_graph_rows([table], meter, keep, needs)
    return Evaluation(
        protocol="honest",
        dataset=judge.train.name,
        net=f"{judge.hops} hops",
        seed=judge.seed,
        scores=(*without, *scores.values()),
        notes=(*about, *notes(judge.training, "test", judge.uneven), *table.gaps),
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
        "random and herded graphs are added whole, so they have at most the bytes that they are compared at; random: "
        "bytes of the largest draw",
        f"{SIZE}: logistic regression on the numbers of nodes and edges, without a network",
    )
