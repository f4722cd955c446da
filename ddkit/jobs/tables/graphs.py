"""The table of a set of graphs, on the graphs that it was made from."""

import json
from collections.abc import Iterator
from pathlib import Path

from ddkit.errors import DataError, UsageError, nearest
from ddkit.evaluation import Evaluation, GraphJudge, GraphTraining
from ddkit.gnns import CONVOLUTIONS
from ddkit.graphs import GraphData, GraphDataSettings, load_parts
from ddkit.jobs.data.graph_parts import graph_lines
from ddkit.jobs.machine.device import graph_device
from ddkit.jobs.recipes.request import Judging, refuse_options
from ddkit.jobs.tables.graph_scoring import GraphScoring
from ddkit.recipe import only, override, parse_table
from ddkit.run import Meter
from ddkit.synth import GraphSet, read_graph_set
from ddkit.toml import read_toml


def graph_tables(source: GraphSet | str | Path, judging: Judging, meter: Meter) -> Iterator[Evaluation]:
    """Yield the table of a set of graphs. `judging.architectures` are the networks of its rows."""
    refuse_options(
        "graphs",
        protocol=judging.protocols != ("honest",),
        cross=judging.cross,
        no_baselines=not judging.baselines,
        scores=bool(judging.scores),
    )
    graph_device(judging.device)
    made = source if isinstance(source, GraphSet) else read_graph_set(source)
    only(judging.overrides, ("evaluate.",), "when a set is evaluated")
    for net in judging.architectures:
        if net not in CONVOLUTIONS:
            raise UsageError(f"option --net: '{net}' is no network for graphs; {nearest(net, CONVOLUTIONS)}")
    flags = [f"evaluate.nets={judging.nets}"] * (judging.nets is not None)
    flags += [f"evaluate.gnns={','.join(judging.architectures)}"] * bool(judging.architectures)
    flags += [f"data.name={json.dumps(judging.data)}"] * bool(judging.data)
    where = "the set's recipe"
    tables = override(read_toml(made.record.recipe, where), (*flags, *judging.overrides))
    chosen = parse_table(tables.get("data", {}), GraphDataSettings, where, "data")
    training = parse_table(tables.get("evaluate", {}), GraphTraining, where, "evaluate")
    parts = load_parts(chosen.name, chosen.split_seed)
    if parts.train.digest != made.facts.data_digest:
        expected, found = made.facts.data_digest[:8], parts.train.digest[:8]
        raise DataError(
            f"set of '{made.facts.dataset}': was made with other graphs (digest {expected}) than found here ({found}); "
            "name the data it was made from with --data"
        )
    _refuse_more_edges(made, parts.train)
    judge = GraphJudge(parts.train, parts.test, made.facts.hops, training, judging.seed)
    about = graph_lines(parts, chosen.name, chosen.split_seed)
    scoring = GraphScoring(made, judge, about)
    with scoring.held():
        evaluation = scoring.evaluate(meter)
    scoring.clear()
    yield evaluation


def _refuse_more_edges(made: GraphSet, train: GraphData) -> None:
    """Raise DataError if the trees have more edges than the graphs allow.

    Distinct trees of one depth belong to distinct nodes, so the edges at their roots are at most as many as the edges
    of the graphs.
    """
    trees, available = made.trees, train.edge.shape[1]
    most = max(int(trees.count[edges].sum()) for edges in trees.by_depth)
    if most > available:
        raise DataError(
            f"set of '{made.facts.dataset}': its trees of one depth have {most:,} edges at their roots, but the graphs "
            f"that it was made from have {available:,}; its 'count' is wrong, so fetch another copy"
        )
