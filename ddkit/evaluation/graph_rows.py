"""The rows of a table of graphs: sets, random and herded graphs of as many bytes, untrained networks, all graphs.

A run, a comparison and `ddkit graphs` build their rows here. They differ in the names of the rivals, and in the bytes
that the rivals have.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ddkit.evaluation.graph_judge import HERDING, UNTRAINED, WHOLE, GraphJudge, GraphRow
from ddkit.synth import GraphSet

MOST = 1_000_000
"""Most bytes of random graphs in the row for trees written out: about 300,000 edges, some minutes of training."""


@dataclass(frozen=True)
class Titles:
    """Names of the rows of real graphs. "{}" stands for the name of the set that has as many bytes.

    Attributes:
        stored: random graphs of as many bytes as the stored set.
        written_out: random graphs of as many bytes as the set's trees written out, at most `most_written_out`.
        herding: herding's graphs of as many bytes as the stored set.
    """

    stored: str
    written_out: str
    herding: str


STORED = "random, bytes as stored"
ONE_SET = Titles(STORED, "random, bytes written out", HERDING)
EACH_SET = Titles("random, as {}", "random, as {} written out", "herding, as {}")
ONE_BUDGET = Titles("random, as stored", "random, as {} written out", "herding, as stored")


@dataclass(frozen=True, eq=False)
class GraphRows:
    """Rows under one judge.

    Attributes:
        judge: trains and judges the rows' networks.
        rows: by name, in the order of the table.
        gaps: notes on rows that are missing, that are capped at fewer bytes than the name says, or that have no graph
            of some class.
    """

    judge: GraphJudge
    rows: dict[str, GraphRow]
    gaps: tuple[str, ...] = ()


def graph_rows(
    judge: GraphJudge,
    sets: Mapping[str, GraphSet],
    titles: Titles = ONE_SET,
    *,
    budget: int | None = None,
    common: bool = True,
) -> GraphRows:
    """The rows of a table. If two rivals of one kind have equal bytes, the table has one row for both; a note says so.

    Args:
        judge: draws the rivals.
        sets: sets by their names in the table.
        titles: names of the rivals.
        budget: bytes of the rivals of stored sets; None: as many as each set has.
        common: whether the table has the rows that do not depend on sets: untrained networks and, if the settings say
            so, all training graphs.
    """
    random: dict[int, str] = {}
    herding: dict[int, str] = {}
    notes: list[str] = []

    def add(group: dict[int, str], size: int, title: str) -> bool:
        first = group.setdefault(size, title)
        if first != title:
            notes.append(f"no row '{title}': it has as many bytes as '{first}'")
        return first == title

    if budget is not None:
        add(random, budget, titles.stored)
        add(herding, budget, titles.herding)
    for name, made in sets.items():
        if budget is None:
            add(random, made.stored_bytes, titles.stored.format(name))
            add(herding, made.stored_bytes, titles.herding.format(name))
        title = titles.written_out.format(name)
        if add(random, min(made.explicit_bytes, most_written_out(judge, made)), title):
            notes += capped(judge, made, title)
    found: dict[str, GraphRow | None] = {name: replace(judge.set_row(made), name=name) for name, made in sets.items()}
    if common:
        found[UNTRAINED] = judge.untrained_row()
    found |= {title: judge.random_row(title, size) for size, title in random.items()}
    found |= {title: judge.herding_row(title, size) for size, title in herding.items()}
    if common and judge.training.whole:
        found[WHOLE] = judge.whole_row()
    rows = {name: row for name, row in found.items() if row is not None}
    return GraphRows(judge, rows, (*notes, *gaps(found)))


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


def gaps(rows: Mapping[str, GraphRow | None]) -> list[str]:
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
