"""From a command to a finished run of graphs."""

import dataclasses
import json
import os
import subprocess
import sys
import time
from importlib import import_module

import numpy as np
import pytest
from click.testing import CliRunner
from own_graphs import own

import ddkit
from ddkit.cli.main import run
from ddkit.errors import DataError, RecipeError, UsageError
from ddkit.graphs import GraphParts, load_parts
from ddkit.jobs import Request, condense, graph_table, kind_of_recipe
from ddkit.jobs.recipes import to_toml
from ddkit.jobs.recipes.resolve_graphs import resolve_graphs
from ddkit.recipe_files import list_recipes
from ddkit.synth import read_graph_set

pytestmark = pytest.mark.pictures

QUICK = ("evaluate.steps=2", "evaluate.whole_steps=1", "evaluate.nets=2", "evaluate.gnns=gin", "method.hops=1")


@pytest.mark.parametrize("method", ["mirage", "mirage-plus"])
def test_a_run_is_whole(method, tmp_path):
    data = own(tmp_path / "own")
    found = condense(method, data=data, overrides=(*QUICK, "method.ratio=0.3"), out=tmp_path / "run")
    assert {"recipe.toml", "set.h5", "scores.json", "gallery.png"} <= {p.name for p in (tmp_path / "run").iterdir()}
    made = read_graph_set(tmp_path / "run")
    assert made.facts.method == method and made.stored_bytes == found.set.stored_bytes
    names = [row["name"] for row in json.loads(made.record.scores)["scores"]]
    assert method in names and "whole" in names
    again = condense(method, data=data, recipe=tmp_path / "run" / "recipe.toml", out=tmp_path / "again")
    assert (tmp_path / "again" / "set.h5").read_bytes() == (tmp_path / "run" / "set.h5").read_bytes()
    assert again.set.facts == made.facts


def test_triangles_are_told_from_paths(tmp_path):
    """One hop suffices: the degrees differ. Networks trained on the set alone find it."""
    data = own(tmp_path / "own", graphs=100)
    overrides = (
        "method.hops=1",
        "method.ratio=0.3",
        "evaluate.gnns=gin,sage",
        "evaluate.nets=2",
        "evaluate.steps=150",
        "evaluate.whole=false",
    )
    for method in ("mirage", "mirage-plus"):
        found = condense(method, data=data, overrides=overrides, out=tmp_path / method)
        assert all(score.mean == 1 for score in found.evaluation.scores if score.name == method)


def test_a_folder_is_not_used_twice(tmp_path):
    data = own(tmp_path / "own")
    settings = {"data": data, "overrides": (*QUICK, "method.ratio=0.3"), "out": tmp_path / "run", "evaluate": False}
    condense("mirage", **settings)
    with pytest.raises(UsageError, match="already holds a run"):
        condense("mirage", **settings)


def killed_at_the_third_score(monkeypatch):
    """The names of the rows that are scored from now on; the third one is interrupted."""
    from ddkit.evaluation import GraphJudge

    score, calls = GraphJudge.score, []

    def dies(self, row, gnn, watch):
        calls.append(row.name)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return score(self, row, gnn, watch)

    monkeypatch.setattr("ddkit.executors.local.process_count", lambda: 1)  # where calls can be counted
    monkeypatch.setattr(GraphJudge, "score", dies)
    return calls


def test_a_killed_run_goes_on(tmp_path, monkeypatch):
    """Killed after its third score: the rest is trained, and the set has the bytes of a run that was not killed."""
    settings = {"data": own(tmp_path / "own"), "overrides": (*QUICK, "method.ratio=0.3")}
    condense("mirage", **settings, out=tmp_path / "whole")
    calls = killed_at_the_third_score(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        condense("mirage", **settings, out=tmp_path / "run")
    assert run(["condense", "--out", str(tmp_path / "run"), "--resume"]) == 0
    assert len(calls) == len(set(calls)) + 1 == 7  # the one that was cut off, and no other, twice
    assert (tmp_path / "run" / "set.h5").read_bytes() == (tmp_path / "whole" / "set.h5").read_bytes()
    with pytest.raises(UsageError, match="is 0 in this run and cannot become 5; begin a new one"):
        condense("mirage", **settings, seed=5, out=tmp_path / "run", resume=True)
    with pytest.raises(UsageError, match="holds no run to resume"):
        condense("mirage", **settings, out=tmp_path / "none", resume=True)


def test_one_class_to_be_judged_on_is_one_line(tmp_path, monkeypatch):
    parts = load_parts(own(tmp_path / "own"), 0)
    alone = parts.test.subset(np.flatnonzero(parts.test.y == 0))
    given = GraphParts(parts.every, parts.train, parts.validation, alone)
    monkeypatch.setattr(import_module("ddkit.jobs.graph_table"), "load_parts", lambda *_: given)
    with pytest.raises(DataError, match="judged graphs are of class '0', so there is no ROC-AUC"):
        graph_table(["mutag"], hops=(1,), overrides=QUICK[:4], out=tmp_path / "table")


def test_a_misspelt_name_is_met_before_anything_is_trained(tmp_path):
    with pytest.raises(UsageError, match="did you mean mutag"):
        graph_table([own(tmp_path / "own"), "mutagg"], hops=(1,), overrides=QUICK[:4], out=tmp_path / "table")
    assert not (tmp_path / "table").exists()


def test_recipes_round_trip():
    for name in (name for name in list_recipes() if name.startswith("mirage")):
        resolved, _ = resolve_graphs(Request(recipe=name))
        assert kind_of_recipe(None, name).name == "graphs" and name.startswith(
            f"{resolved.method.name}-{resolved.data.name}"
        )
    resolved, origin = resolve_graphs(Request(method="mirage", overrides=("method.budget=900",)))
    assert resolved.method.budget == 900 and origin.startswith("recipe ")
    text = to_toml(resolved)
    assert "budget = 900" in text


@pytest.mark.parametrize(
    "override, line",
    [
        ("method.hops=0", "must be an integer of at least 1"),
        ("method.ipc=3", "unknown key 'method.ipc'"),
        ("data.augment=flip", "unknown key 'data.augment'"),
        ("net.name=convnet", "section or key 'net' is unknown to a method for graphs"),
    ],
)
def test_mistakes_are_one_line(override, line):
    with pytest.raises(RecipeError) as caught:
        resolve_graphs(Request(method="mirage", overrides=(override,)))
    assert line in str(caught.value)


def test_a_table_goes_on_where_it_stopped(tmp_path, monkeypatch):
    from ddkit.evaluation import GraphJudge

    data = own(tmp_path / "own")
    settings = {"hops": (1,), "ratios": (0.3,), "overrides": QUICK[:4], "out": tmp_path / "table"}
    first = graph_table([data], **settings)
    names = {line.score.name for line in first.lines}
    assert {"graph size", "untrained", "whole", "mirage", "mirage-plus", "random, as stored"} <= names
    monkeypatch.setattr(GraphJudge, "score", None)  # nothing is trained again
    assert graph_table([data], **settings).tables() == first.tables()


def test_processes_change_no_figure_of_a_table(tmp_path, monkeypatch):
    data, tables = own(tmp_path / "own"), []
    for count in (1, 2):
        monkeypatch.setattr("ddkit.executors.local.process_count", lambda count=count: count)
        found = graph_table([data], hops=(1,), ratios=(0.2, 0.3), overrides=QUICK[:4], out=tmp_path / f"with-{count}")
        lines = [(line.ratio, line.score.name, line.score.net, line.score.metrics) for line in found.lines]
        tables.append((lines, found.missing, found.notes))
    assert tables[0] == tables[1] and len(tables[0][0]) > 10


def test_a_killed_table_keeps_finished_rows(tmp_path, monkeypatch):
    """It has two processes, and gets SIGKILL once it has three scores."""
    from ddkit.evaluation import GraphJudge

    data, out = own(tmp_path / "own"), tmp_path / "killed"
    overrides = (*QUICK[2:4], "evaluate.steps=400", "evaluate.whole_steps=400")
    settings = {"hops": (1,), "ratios": (0.3,), "overrides": overrides}
    words = [word for one in overrides for word in ("--set", one)]
    command = [sys.executable, "-m", "ddkit", "graphs", data, "--hops", "1", "--ratio", "0.3", *words]
    environment = os.environ | {"OMP_NUM_THREADS": "2", "DDKIT_HOME": str(tmp_path / "home")}
    with subprocess.Popen([*command, "--out", str(out)], env=environment, stderr=subprocess.DEVNULL) as process:
        while len(list(out.glob("*.json"))) < 3:
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    kept, calls, score = len(list(out.glob("*.json"))), [], GraphJudge.score

    def counted(self, row, gnn, watch):
        calls.append(row.name)
        return score(self, row, gnn, watch)

    monkeypatch.setattr("ddkit.executors.local.process_count", lambda: 1)  # where calls can be counted
    monkeypatch.setattr(GraphJudge, "score", counted)
    resumed = graph_table([data], **settings, out=out)
    rescored = len(calls)
    whole = graph_table([data], **settings, out=tmp_path / "whole")
    assert rescored == (len(calls) - rescored) - kept > 0
    figures = [[(line.score.name, line.score.metrics) for line in table.lines] for table in (resumed, whole)]
    assert figures[0] == figures[1]


def test_a_table_says_the_parts_and_remarks_of_each_data_set(tmp_path):
    names = [own(tmp_path / "one"), own(tmp_path / "other", graphs=60)]
    found = graph_table(names, hops=(1,), ratios=(0.3,), overrides=QUICK[:4], out=tmp_path / "table")
    text = "\n".join(found.notes)
    assert "train 32 (drawn, split_seed 0), validation 4 (drawn, split_seed 0), test 4" in text
    assert "train 48 (drawn, split_seed 0), validation 6 (drawn, split_seed 0), test 6" in text
    assert text.count("there are no node labels, so a node's label is its degree") == 2


def test_much_memory_is_said_beforehand(monkeypatch, tmp_path):
    """From REPORTED on: what reading takes, what the whole row adds unless it is off, and what is free."""
    from ddkit.evaluation import GraphTraining

    memory = import_module("ddkit.jobs.data.graph_memory")
    parts = load_parts(own(tmp_path / "own"), 0)
    assert memory.memory_lines(parts.every, parts.train, (2,), GraphTraining()) == []
    monkeypatch.setattr(memory, "REPORTED", 1)
    (line,) = memory.memory_lines(parts.every, parts.train, (2,), GraphTraining())
    assert "need about 0.0 MiB to be read and coloured; training on all of them" in line
    assert line.endswith("GiB are free")
    (line,) = memory.memory_lines(parts.every, parts.train, (2,), GraphTraining(whole=False))
    assert "evaluate.whole" not in line
    edges, nodes = parts.train.edge.shape[1], len(parts.train.node_label)
    assert memory.whole_bytes(parts.train, 2, GraphTraining(gnns="gat")) == 2 * (1800 * nodes + 600 * edges)


def test_what_has_no_set_is_said(tmp_path):
    found = graph_table(
        [own(tmp_path / "own")], hops=(1,), ratios=(0.005,), overrides=QUICK[:4], out=tmp_path / "table"
    )
    assert any("too few" in line for line in found.missing)


def test_a_class_without_a_training_graph_is_a_note_of_the_whole_row(tmp_path, monkeypatch):
    parts = load_parts(own(tmp_path / "own"), 0)
    every, *rest = (
        dataclasses.replace(one, classes=("0", "1", "never"))
        for one in (parts.every, parts.train, parts.validation, parts.test)
    )
    monkeypatch.setattr(import_module("ddkit.jobs.graph_table"), "load_parts", lambda *_: GraphParts(every, *rest))
    settings = {"hops": (1,), "ratios": (0.3,), "methods": ["mirage"], "overrides": QUICK[:4]}
    found = graph_table(["mutag"], **settings, out=tmp_path / "table")
    assert any(line.startswith("mutag, 1 hop: 'whole': ") and "never missing" in line for line in found.missing)


def test_commands(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    data = own(tmp_path / "own")
    quick = [word for one in (*QUICK, "method.ratio=0.3") for word in ("--set", one)]
    assert run(["condense", "--method", "mirage", "--data", data, "--out", "run", *quick]) == 0
    assert run(["show", "run"]) == 0
    assert run(["export", "run", "--to", "pt", "--out", "set.pt"]) == 0 and (tmp_path / "set.pt").exists()
    shown, text = capsys.readouterr()
    assert "distinct trees" in text and "hops" in shown and "random, bytes as stored" in shown.replace("\n", " ")
    assert run(["evaluate", "run", "--net", "sage", "--nets", "2", "--no-whole", "--json", "again.json"]) == 0
    (again,) = json.loads((tmp_path / "again.json").read_text())
    assert {row["gnn"] for row in again["scores"]} == {"", "sage"}
    capsys.readouterr()
    for option in (["--protocol", "paper-mtt"], ["--cross"], ["--no-baselines"], ["--device", "cuda"]):
        assert run(["evaluate", "run", *option]) == 2
        assert capsys.readouterr().err.startswith(f"ddkit: option {option[0]}: ")
    own(tmp_path / "own", seed=1)  # other graphs in its place
    assert run(["evaluate", "run"]) == 3 and "was made with other graphs" in capsys.readouterr().err
    own(tmp_path / "own")
    assert run(["condense", "--method", "mirage", "--ipc", "3"]) == 2
    assert run(["condense", "--method", "mirage", "--data", "mutagg"]) == 2
    table = ["graphs", data, "--hops", "1", "--ratio", "0.3", "--json", "table.json"]
    assert run(table + [word for one in QUICK[:4] for word in ("--set", one)]) == 0
    assert json.loads((tmp_path / "table.json").read_text())["on"] == "test"
    assert not any("NaN" in (tmp_path / name).read_text() for name in ("again.json", "run/scores.json"))  # no JSON


def test_help_names_the_methods():
    from ddkit.cli.condense import condense

    assert "mirage-plus" in " ".join(CliRunner().invoke(condense, ["--help"]).output.split())


def test_the_method_of_an_override_decides_on_the_kind(tmp_path):
    made = condense(
        data=own(tmp_path / "own"), overrides=("method.name=mirage", "method.ratio=0.3", *QUICK), out=tmp_path / "run"
    )
    assert made.set.facts.method == "mirage"


def test_a_recipe_beside_resume_must_be_the_runs(tmp_path):
    settings = {"data": own(tmp_path / "own"), "overrides": (*QUICK, "method.ratio=0.3"), "out": tmp_path / "run"}
    condense("mirage", **settings, evaluate=False)
    file = tmp_path / "run" / "recipe.toml"
    (tmp_path / "same.toml").write_text(file.read_text())
    (tmp_path / "other.toml").write_text(file.read_text().replace("ratio = 0.3", "ratio = 0.4"))
    assert condense(recipe=tmp_path / "same.toml", out=tmp_path / "run", resume=True, evaluate=False)
    with pytest.raises(UsageError, match=r"its run has other settings than recipe '.*other.toml'; leave --recipe out"):
        condense(recipe=tmp_path / "other.toml", out=tmp_path / "run", resume=True)
    for empty, line in (({"method": ""}, "method '' is unknown"), ({"out": ""}, "out is empty")):
        with pytest.raises(UsageError, match=line):
            condense(**({"method": "mirage", "out": tmp_path / "new"} | empty))


def test_a_killed_evaluation_of_graphs_goes_on(tmp_path, home, monkeypatch):
    made = condense(
        "mirage",
        data=own(tmp_path / "own"),
        overrides=(*QUICK, "method.ratio=0.3"),
        out=tmp_path / "run",
        evaluate=False,
    )
    whole, calls = ddkit.evaluate(made.folder), killed_at_the_third_score(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        ddkit.evaluate(made.folder)
    assert ddkit.evaluate(made.folder).tables(with_seconds=False) == whole.tables(with_seconds=False)
    assert len(calls) == len(set(calls)) + 1  # only the row that was interrupted is scored twice
    assert not list((home / "rows").iterdir())
