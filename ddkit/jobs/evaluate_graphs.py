"""Judge a set of graphs: read the graphs it was made from, then hand over to the evaluator."""

import json
from pathlib import Path

from ddkit.arguments import checked
from ddkit.errors import DataError
from ddkit.evaluation import Evaluation, GraphJudge, GraphTraining, evaluate_graph_set
from ddkit.graphs import GraphData, GraphDataSettings, load_parts
from ddkit.jobs.graph_parts import graph_lines
from ddkit.recipe import only, override, parse_table
from ddkit.run import Meter, SilentMeter
from ddkit.synth import GraphSet, read_graph_set
from ddkit.toml import read_toml


@checked
def evaluate_graphs(
    source: str | Path,
    *,
    data: str | None = None,
    overrides: tuple[str, ...] = (),
    seed: int = 0,
    meter: Meter | None = None,
) -> Evaluation:
    """Train fresh networks on a set of graphs and, alike, on its rivals; score them on the test graphs.

    Args:
        source: a file or a run folder.
        data: where the graphs are now, such as "tu:DIR"; default where they were when the set was made.
        overrides: "evaluate.key=value" texts, as in evaluate.gnns=sage; they win over the set's recipe.
        seed: seed of networks and draws.
        meter: progress; default silent.

    Raises:
        UsageError: something else than evaluate.* is to be set, or an unknown network.
        DataError: the set or its graphs are missing or damaged, or do not belong together.
    """
    only(overrides, ("evaluate.",), "when a set is evaluated")
    made = read_graph_set(source)
    where = "the set's recipe"
    tables = override(read_toml(made.record.recipe, where), overrides)
    tables = override(tables, (f"data.name={json.dumps(data)}",) if data else ())
    chosen = parse_table(tables.get("data", {}), GraphDataSettings, where, "data")
    training = parse_table(tables.get("evaluate", {}), GraphTraining, where, "evaluate")
    parts = load_parts(chosen.name, chosen.split_seed)
    if parts.train.digest != made.facts.data_digest:
        theirs, ours = made.facts.data_digest[:8], parts.train.digest[:8]
        raise DataError(
            f"set of '{made.facts.dataset}': was made with other graphs (digest {theirs}) than found here ({ours}); "
            "name the data it was made from with --data"
        )
    _refuse_more_edges(made, parts.train)
    judge = GraphJudge(parts.train, parts.test, made.facts.hops, training, seed)
    about = graph_lines(parts, chosen.name, chosen.split_seed)
    return evaluate_graph_set(made, judge, meter or SilentMeter(), about=about)


def _refuse_more_edges(made: GraphSet, train: GraphData) -> None:
    """Raise if the trees are not those of the graphs. Distinct trees of one depth are those of distinct nodes, so that
    all together they have no more edges at their roots than the graphs have."""
    trees, there = made.trees, train.edge.shape[1]
    most = max(int(trees.count[edges].sum()) for edges in trees.by_depth)
    if most > there:
        raise DataError(
            f"set of '{made.facts.dataset}': its trees of one depth have {most:,} edges at their roots, and the graphs "
            f"that it was made from have {there:,}; its 'count' cannot be right, so fetch another copy"
        )
