"""The main job for graphs: distil, evaluate the set, draw its trees."""

import dataclasses
import json
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from ddkit.arguments import checked
from ddkit.errors import UsageError
from ddkit.evaluation import Evaluation, GraphJudge, evaluate_graph_set, read_score
from ddkit.graphs import load_parts
from ddkit.jobs.environment import environment
from ddkit.jobs.graph_board import GraphBoard
from ddkit.jobs.graph_memory import memory_lines
from ddkit.jobs.graph_parts import graph_lines
from ddkit.jobs.graph_recipe import GraphRecipe, begun_recipe, resolve_graphs
from ddkit.jobs.recipes import to_toml
from ddkit.jobs.resume import refuse_empty
from ddkit.methods import GraphContext, graph_method
from ddkit.report import tree_gallery
from ddkit.run import Meter, RunFolder, SilentMeter, write_json
from ddkit.synth import GraphSet, Record, write_graph_set


@dataclass(frozen=True)
class CondensedGraphs:
    """A finished run: its folder, its set, what distilling took after loading, and the table, if it was asked for."""

    folder: Path
    set: GraphSet
    seconds: float
    evaluation: Evaluation | None


@checked
def condense_graphs(
    method: str | None = None,
    *,
    data: str | None = None,
    recipe: str | Path | None = None,
    overrides: tuple[str, ...] = (),
    seed: int | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    evaluate: bool = True,
    meter: Meter | None = None,
) -> CondensedGraphs:
    """Distil a dataset of graphs into computation trees, in a run folder that holds everything about it.

    Args:
        method: "mirage" or "mirage-plus"; default the recipe's.
        data: graphs (see `ddkit.graphs.load_graphs`); default the recipe's, digits-graphs.
        recipe: a shipped recipe's name or a TOML file; default the one shipped for (method, data).
        overrides: "section.key=value" texts; they win over everything.
        seed: seed of the evaluation's networks and draws.
        out: the run folder; default runs/METHOD-DATA-hopsL-seedS.
        resume: go on with the folder's run, as it began: the set is made again, scores that are there are taken.
        evaluate: train networks on the set and on its rivals afterwards, and keep the table in the set.
        meter: progress; default silent.

    Example:
        >>> result = condense_graphs("mirage")          # digits as graphs
        >>> result.set.stored_bytes <= 0.02 * 190679
        True

    Raises:
        UsageError: settings that cannot be obeyed, a budget too small, or a folder that already holds a run.
        DataError: graphs that are missing, damaged or not what they should be; a full disk.
    """
    meter = meter or SilentMeter()
    if resume and not (method or recipe):
        recipe = begun_recipe(out)
    resolved, origin = resolve_graphs(recipe=recipe, method=method, data=data, seed=seed, overrides=overrides)
    folder = RunFolder(Path(out) if out is not None else default_folder(resolved))
    if resume:
        refuse_empty(folder)
    with folder.locked():
        if resume:
            _refuse_another(folder, resolved)
        elif folder.recipe.exists():
            raise UsageError(
                f"folder '{folder.path}': already holds a run; go on with --resume, or choose another --out"
            )
        return _make(resolved, origin, folder, evaluate, meter)


def _make(resolved: GraphRecipe, origin: str, folder: RunFolder, evaluate: bool, meter: Meter) -> CondensedGraphs:
    """The set, its picture and its scores."""
    parts = load_parts(resolved.data.name, resolved.data.split_seed)
    judge = GraphJudge(parts.train, parts.test, resolved.method.hops, resolved.evaluate, resolved.seed)
    about = graph_lines(parts, resolved.data.name, resolved.data.split_seed)
    training = dataclasses.replace(resolved.evaluate, whole=resolved.evaluate.whole and evaluate)
    for line in (origin, *about, *memory_lines(parts.every, parts.train, (resolved.method.hops,), training)):
        meter.say(line)
    lineage = json.dumps({"data": parts.every.digest, "train": parts.train.digest})
    train = parts.train
    del parts  # the work may need the memory
    begin = time.perf_counter()
    made = graph_method(resolved.method.name)(resolved.method, GraphContext(train, resolved.seed)).distil()
    seconds = time.perf_counter() - begin
    record = Record(recipe=to_toml(resolved), environment=json.dumps(environment(torch.device("cpu"))), lineage=lineage)
    folder.write_text(folder.recipe, to_toml(resolved))
    made = dataclasses.replace(made, record=record)
    write_graph_set(made, folder.set)
    tree_gallery(made, folder.gallery)
    evaluation = None
    if evaluate:
        board = GraphBoard(judge, "test", folder.path / "scores", meter)
        evaluation = evaluate_graph_set(made, judge, meter, board.score, about)
        write_json(folder.scores, evaluation.tables(), indent=2)
        scores = json.dumps(evaluation.tables(with_seconds=False))
        made = dataclasses.replace(made, record=dataclasses.replace(record, scores=scores))
        write_graph_set(made, folder.set)
    return CondensedGraphs(folder.path, made, seconds, evaluation)


def _refuse_another(folder: RunFolder, asked: GraphRecipe) -> None:
    """Raise UsageError if the run is one of another recipe, or DataError if a score that it kept is damaged."""
    if resolve_graphs(recipe=folder.recipe)[0] != asked:
        raise UsageError(f"folder '{folder.path}': its run has other settings; a run of graphs goes on as it began")
    for file in (folder.path / "scores").glob("*.json"):
        read_score(file)


def default_folder(recipe: GraphRecipe) -> Path:
    """runs/METHOD-DATA-hopsL-seedS."""
    data = Path(recipe.data.name.partition(":")[2] or recipe.data.name).stem
    return Path("runs") / f"{recipe.method.name}-{data}-hops{recipe.method.hops}-seed{recipe.seed}"
