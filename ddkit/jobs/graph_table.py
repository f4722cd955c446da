"""One table of sets for several graph datasets, depths and sizes, and of their rivals, under equal training.

Each score is kept in a file whose name is a digest of all that it depends on. So an interrupted table, or a larger one,
does not score a row twice.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ddkit.arguments import checked
from ddkit.errors import UsageError, nearest
from ddkit.evaluation import PARTS, GraphJudge, GraphTraining, Score
from ddkit.evaluation.graph_honest import capped, gaps, most_written_out, notes
from ddkit.evaluation.graph_judge import UNTRAINED, WHOLE, Rows
from ddkit.graphs import load_parts, refuse_unknown
from ddkit.jobs.data.graph_memory import memory_lines
from ddkit.jobs.data.graph_parts import graph_lines
from ddkit.jobs.tables.graph_board import GraphBoard
from ddkit.methods import GraphContext, graph_method, method_names
from ddkit.recipe import only, override, parse_table
from ddkit.run import Meter, SilentMeter


@dataclass(frozen=True)
class GraphLine:
    """One row of the table under one network."""

    data: str
    hops: int
    ratio: float | None
    score: Score


@dataclass(frozen=True)
class GraphTable:
    """The table.

    Attributes:
        on: the part that networks are judged on.
        lines: the rows.
        missing: rows and sets that were left out, with the reason.
        notes: how the figures were obtained.
        uneven: whether classes of some data differ so much in size that the table has balanced accuracy.
    """

    on: str
    lines: tuple[GraphLine, ...]
    missing: tuple[str, ...]
    notes: tuple[str, ...]
    uneven: bool = False

    def tables(self) -> dict[str, Any]:
        """Plain tables for JSON."""
        lines = [vars(line) | {"score": line.score.kept()} for line in self.lines]
        return vars(self) | {"lines": lines}


@checked
def graph_table(
    data: Sequence[str],
    *,
    hops: Sequence[int] = (2,),
    ratios: Sequence[float] = (0.01, 0.05),
    methods: Sequence[str] = (),
    overrides: tuple[str, ...] = (),
    seed: int = 0,
    split_seed: int = 0,
    on: str = "test",
    out: str | Path = "runs/graphs",
    meter: Meter | None = None,
) -> GraphTable:
    """Distil the graphs into sets, and score the sets and their rivals, as the command `ddkit graphs` does.

    Args:
        data: names of graphs.
        hops: depths of trees, and numbers of convolutions.
        ratios: sizes of the sets, as shares of the training graphs' bytes.
        methods: methods for graphs; default all, those of third parties included.
        overrides: "evaluate.key=value" texts.
        seed: of networks and draws.
        split_seed: of the split, if the data have none.
        on: the part that networks are judged on: "test", or "validation" to choose settings without the test part.
        out: folder of the scores.
        meter: progress; default silent.

    Example:
        >>> table = graph_table(["mutag"], ratios=[0.05])
        >>> [(line.score.name, line.score.net, round(line.score.mean, 3)) for line in table.lines]

    Raises:
        UsageError: an unknown method, part or network, or no data.
        DataError: missing or damaged graphs.
    """
    if not data:
        raise UsageError("graphs: needs at least one set of graphs, such as mutag")
    if not hops or min(hops) < 1 or not all(0 < ratio <= 1 for ratio in ratios):
        raise UsageError("graphs: needs a depth of at least 1, and ratios above 0 and at most 1")
    if on not in PARTS:
        raise UsageError(f"graphs: on '{on}' is no part to be judged on; {nearest(on, PARTS)}")
    only(overrides, ("evaluate.",), "for a table of graphs")
    methods = tuple(methods) or method_names("graphs")
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
                rows = _common_rows(judge) if ratio is None else _budget_rows(judge, methods, ratio, missing)
                found = judge.scores_without_network() if ratio is None else []
                for title, row in rows.items():
                    if row is not None:
                        found += [dataclasses.replace(board.score(row, gnn), name=title) for gnn in judge.gnns]
                lines += [GraphLine(name, depth, ratio, score) for score in found]
        del train, judged, judge, board  # the next graphs may need the memory
    all_notes = (*about, *notes(training, on, uneven))
    return GraphTable(on, tuple(lines), tuple(dict.fromkeys(missing)), all_notes, uneven)


def _common_rows(judge: GraphJudge) -> Rows:
    """Rows that do not depend on the budget."""
    rows: Rows = {UNTRAINED: judge.untrained_row()}
    return rows | ({WHOLE: judge.whole_row()} if judge.training.whole else {})


def _budget_rows(judge: GraphJudge, methods: Sequence[str], ratio: float, missing: list[str]) -> Rows:
    """The rows of one budget; reasons for missing rows are appended to `missing`.

    They are the sets, random graphs of as many bytes as each set with its trees written out, and random and herded
    graphs of as many bytes as the budget.
    """
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
