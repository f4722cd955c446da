"""What a plan for graphs says, against the run that follows it."""

import pytest
from own_graphs import own

from ddkit.cli.main import run
from ddkit.graphs import graph_bytes, load_graphs, split_graphs
from ddkit.jobs import Request, condense, plan
from ddkit.jobs.recipes.resolve_graphs import resolve_graphs
from ddkit.methods.trees import Trees

QUICK = ("evaluate.nets=2", "evaluate.gnns=gin,gcn", "evaluate.steps=30", "evaluate.whole_steps=40", "method.ratio=0.3")


@pytest.mark.parametrize("whole", [True, False])
def test_a_plan_is_what_is_then_done(whole, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = own(tmp_path / "own")
    settings = {"data": data, "overrides": (*QUICK, f"evaluate.whole={str(whole).lower()}")}
    found = plan("mirage", **settings)
    assert [p.name for p in tmp_path.iterdir()] == ["own"]  # nothing is kept
    assert [stage.name for stage in found.stages] == ["colours", "rows"]
    by_threshold = plan(
        "mirage", data=data, overrides=(*QUICK, "method.thresholds=3,3", f"evaluate.whole={whole}".lower())
    )
    assert [stage.name for stage in by_threshold.stages] == ["colours"] + ["rows"] * whole
    assert all(stage.seconds > 0 for stage in found.stages) and found.problems == ()
    made = condense("mirage", **settings)
    graphs = load_graphs(data)
    train = graphs.subset(split_graphs(graphs, 0).train)
    total = int(graph_bytes(train).sum())
    assert str(made.folder) in found.facts[0] and f"at most {int(0.3 * total):,} bytes" in found.facts[0]
    trees = Trees.of(train, graphs_settings(made))
    assert f"{total:,} bytes, {len(train.node_label)} nodes" in found.facts[1]
    assert f"{len(trees.vertex)} distinct trees of depth 2" in found.facts[1]


def graphs_settings(made):
    return resolve_graphs(Request(recipe=made.folder / "recipe.toml"))[0].method


def test_the_command(tmp_path, capsys):
    data = own(tmp_path / "own")
    more = [word for one in QUICK for word in ("--set", one)]
    assert run(["plan", "--method", "mirage-plus", "--data", data, *more]) == 0
    text = capsys.readouterr().out
    assert (
        "distinct trees of depth 2" in text
        and "of its size: about" in text
        and "total" in text
        and "from a probe" in text
    )
    assert run(["plan", "mirage-nci1", "--ipc", "3"]) == 2
    assert "option --ipc: is for images" in capsys.readouterr().err
    assert run(["plan", "--method", "mirage", "--data", data, "--set", "method.hops=0"]) == 2
