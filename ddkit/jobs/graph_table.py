"""One table: sets of several data, depths and sizes, beside their rivals, every row's networks trained alike.

Each score is kept in a file named after all that it depends on, so a table that was killed goes on, and a larger one
takes what is there.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ddkit.errors import UsageError, nearest
from ddkit.evaluation import PARTS, GraphJudge, GraphTraining, Score
from ddkit.evaluation.graph_honest import capped, gaps, most_written_out, notes
from ddkit.evaluation.graph_judge import UNTRAINED, WHOLE, Rows
from ddkit.graphs import load_parts, refuse_unknown
from ddkit.jobs.data.graph_memory import memory_lines
from ddkit.jobs.data.graph_parts import graph_lines
from ddkit.jobs.tables.graph_board import GraphBoard
from ddkit.methods import GraphContext, graph_method
from ddkit.recipe import only, override, parse_table
from ddkit.run import Meter, SilentMeter

BOTH = ("mirage", "mirage-plus")


@dataclass(frozen=True)
class GraphLine:
    """One row of the table under one network."""

    data: str
    hops: int
    ratio: float | None
    score: Score


@dataclass(frozen=True)
class GraphTable:
    """The table, what was left out and why, and what a reader must know of how it came about."""

    on: str
    lines: tuple[GraphLine, ...]
    missing: tuple[str, ...]
    notes: tuple[str, ...]
    uneven: bool = False
    """Whether classes of some data differ so much in size that balanced accuracy stands beside accuracy."""

    def tables(self) -> dict[str, Any]:
        """Plain tables for JSON."""
        lines = [vars(line) | {"score": line.score.kept()} for line in self.lines]
        return vars(self) | {"lines": lines}


def graph_table(
    data: Sequence[str],
    *,
    hops: Sequence[int] = (2,),
    ratios: Sequence[float] = (0.01, 0.05),
    methods: Sequence[str] = BOTH,
    overrides: tuple[str, ...] = (),
    seed: int = 0,
    split_seed: int = 0,
    on: str = "test",
    out: str | Path = "runs/graphs",
    meter: Meter | None = None,
) -> GraphTable:
    """Distil and score.

    Args:
        data: names of graphs.
        hops: depths of trees, and numbers of convolutions.
        ratios: sizes of the sets, as shares of the training graphs' bytes.
        methods: methods for graphs.
        overrides: "evaluate.key=value" texts.
        seed: seed of networks and draws.
        split_seed: seed of the split, where the data brings none.
        on: the part that networks are judged on: "test", or "validation" to choose settings without meeting it.
        out: folder of the scores.
        meter: progress; default silent.

    Raises:
        UsageError: an unknown method, part or network, or nothing to do.
        DataError: graphs that are missing or damaged.
    """
    if not data:
        raise UsageError("graphs: needs at least one set of graphs, such as mutag")
    if not hops or min(hops) < 1 or not all(0 < ratio <= 1 for ratio in ratios):
        raise UsageError("graphs: needs a depth of at least 1, and ratios above 0 and at most 1")
    if on not in PARTS:
        raise UsageError(f"graphs: on '{on}' is no part to be judged on; {nearest(on, PARTS)}")
    only(overrides, ("evaluate.",), "for a table of graphs")
    for method in methods:
        graph_method(method)
    training = parse_table(override({}, overrides).get("evaluate", {}), GraphTraining, "graphs", "evaluate")
    meter = meter or SilentMeter()
    lines: list[GraphLine] = []
    missing: list[str] = []
    about: list[str] = []
    uneven = False
    for name in data:  # before anything is trained
        refuse_unknown(name)
    for name in dict.fromkeys(data):
        parts = load_parts(name, split_seed)
        own = graph_lines(parts, name, split_seed)
        about += own
        train, judged = parts.train, getattr(parts, on)
        for line in (*own, *memory_lines(parts.every, train, hops, training)):
            meter.say(line)
        del parts
        for depth in dict.fromkeys(hops):
            judge = GraphJudge(train, judged, depth, training, seed)
            uneven |= judge.uneven
            board = GraphBoard(judge, on, Path(out), meter)
            meter.say(f"{name}, {depth} hops")
            for ratio in (None, *dict.fromkeys(ratios)):
                rows = _common(judge) if ratio is None else _of_budget(judge, methods, ratio, missing)
                found = judge.scores_without_network() if ratio is None else []
                for title, row in rows.items():
                    if row is not None:
                        found += [dataclasses.replace(board.score(row, gnn), name=title) for gnn in judge.gnns]
                lines += [GraphLine(name, depth, ratio, score) for score in found]
        del train, judged, judge, board  # the next graphs may need the memory
    told = (*about, *notes(training, on, uneven))
    return GraphTable(on, tuple(lines), tuple(dict.fromkeys(missing)), told, uneven)


def _common(judge: GraphJudge) -> Rows:
    """Rows that no budget changes."""
    rows: Rows = {UNTRAINED: judge.untrained_row()}
    return rows | ({WHOLE: judge.whole_row()} if judge.training.whole else {})


def _of_budget(judge: GraphJudge, methods: Sequence[str], ratio: float, missing: list[str]) -> Rows:
    """The sets of one budget, random graphs that weigh as much as stored and as each set written out, and herding."""
    budget = int(ratio * judge.bytes_each.sum())
    where = f"{judge.train.name}, {judge.hops} hops, ratio {ratio:g}"
    rows: Rows = {}
    for name in dict.fromkeys(methods):
        method = graph_method(name)
        settings = method.settings_class(hops=judge.hops, ratio=ratio)
        try:
            made = method(settings, GraphContext(judge.train, judge.seed)).distil()
        except UsageError as error:
            missing.append(f"{where}: {error}")
            continue
        rows[name] = judge.set_row(made)
        title = f"random, as {name} written out"
        rows[title] = judge.random_row(title, min(made.explicit_bytes, most_written_out(judge, made)))
        missing += [f"{where}: {line}" for line in capped(judge, made, title)]
    rows["random, as stored"] = judge.random_row("random, as stored", budget)
    rows["herding, as stored"] = judge.herding_row(budget)
    missing += [f"{where}: {gap}" for gap in gaps(rows)]
    return rows
