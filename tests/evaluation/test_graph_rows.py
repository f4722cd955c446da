"""The rows of tables of graphs: one builder for a run, a comparison and a table of budgets."""

import pytest
from random_graphs import distil, random_graph_data

from ddkit.evaluation import EACH_SET, ONE_BUDGET, GraphJudge, GraphTraining, graph_rows
from ddkit.graphs import graph_bytes
from ddkit.methods import graph_method
from ddkit.methods.mirage import MirageSettings
from ddkit.synth import GraphSet


@pytest.fixture(scope="module")
def judge() -> GraphJudge:
    train, judged = (random_graph_data(seed, graphs=40, labels=1, edge_labels=1) for seed in (41, 42))
    return GraphJudge(train, judged, 2, GraphTraining(gnns="gin", nets=2), 0)


@pytest.fixture(scope="module")
def sets(judge: GraphJudge) -> dict[str, GraphSet]:
    method = graph_method("mirage")
    return {f"at {ratio}": distil(method, MirageSettings(hops=2, ratio=ratio), judge.train, 0) for ratio in (0.1, 0.3)}


def test_the_rows_of_each_table_and_their_bytes(judge: GraphJudge, sets: dict[str, GraphSet]) -> None:
    whole = int(graph_bytes(judge.train).sum())
    (one,) = (made for name, made in sets.items() if name == "at 0.1")
    cap = max(one.stored_bytes, whole // 2)
    run = graph_rows(judge, {"mirage": one}).rows
    stored, written_out = "random, bytes as stored", "random, bytes written out"
    assert list(run) == ["mirage", "untrained", stored, written_out, "herding", "whole"]
    assert run[stored].trained_on == f"random {one.stored_bytes}" and run[stored].size <= one.stored_bytes
    assert run[written_out].trained_on == f"random {min(one.explicit_bytes, cap)}"
    assert run["herding"].trained_on == f"herding {one.stored_bytes}" and run["whole"].size == whole

    table = graph_rows(judge, sets, ONE_BUDGET, budget=200, common=False).rows
    assert {"untrained", "whole"}.isdisjoint(table) and list(table)[:2] == list(sets)
    assert table["random, as stored"].trained_on == "random 200"
    assert table["herding, as stored"].trained_on == "herding 200"
    assert list(graph_rows(judge, {}).rows) == ["untrained", "whole"]
    assert all(row.name == name for rows in (run, table) for name, row in rows.items())


def test_rivals_of_equal_bytes_are_one_row_and_a_note_says_so(judge: GraphJudge, sets: dict[str, GraphSet]) -> None:
    (made, _) = sets.values()
    found = graph_rows(judge, {"a": made, "b": made}, EACH_SET)
    assert {"random, as a", "herding, as a"} <= set(found.rows) and not any("as b" in name for name in found.rows)
    assert "no row 'random, as b': it has as many bytes as 'random, as a'" in found.gaps
    assert "no row 'herding, as b': it has as many bytes as 'herding, as a'" in found.gaps


def test_a_row_of_too_few_bytes_is_left_out_with_a_note(judge: GraphJudge) -> None:
    found = graph_rows(judge, {}, ONE_BUDGET, budget=1, common=False)
    assert found.rows == {} and "no row 'random, as stored': its bytes are too few for one graph" in found.gaps
