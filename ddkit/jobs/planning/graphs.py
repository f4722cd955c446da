"""The plan of a condensation of graphs: bytes, number of trees, and time from a short probe."""

import dataclasses
from functools import partial

import torch

from ddkit.evaluation import GraphJudge, GraphRow
from ddkit.executors import executor_in_use
from ddkit.graphs import graph_bytes, load_parts
from ddkit.home import home
from ddkit.jobs.data.graph_memory import graph_row_needs
from ddkit.jobs.data.graph_parts import graph_lines
from ddkit.jobs.machine.amounts import time_text
from ddkit.jobs.planning.gauge import LIBRARIES, Cost, Gauge
from ddkit.jobs.planning.stages import Plan, Stage, free_disk
from ddkit.jobs.planning.workers import Workers
from ddkit.jobs.recipes import GraphRecipe
from ddkit.jobs.recipes.folders import graph_folder
from ddkit.jobs.recipes.request import Request
from ddkit.jobs.recipes.resolve_graphs import resolve_graphs
from ddkit.methods.trees import Trees

PROBE = (2, 12)
"""Steps of two short trainings, whose times separate the time of a step from that of the preparation."""

SETS = 4
"""Rows of about the size of the set: the set, herding, and two rows of random graphs, with as many bytes as the stored
set and as its trees written out. The trees written out are larger, by a factor that is known after distillation."""


def plan_graphs(request: Request) -> Plan:
    """The plan of a condensation of graphs; see `ddkit.plan`.

    All colours are computed, which gives the number of trees. For the evaluation, a few steps are timed for each
    network, on random graphs of the budget's bytes and on the whole data. As many run at once as in the evaluation.
    Recipes with thresholds have no budget.
    """
    resolved, origin = resolve_graphs(request)
    gauge = Gauge(torch.device("cpu"), (*LIBRARIES, "torch_geometric.nn"))
    parts = load_parts(resolved.data.name, resolved.data.split_seed)
    train = parts.train
    found: list[Trees] = []
    colouring = gauge.once(lambda: found.append(Trees.of(train, resolved.method)))
    stages = [Stage.of("colours", colouring, "all training graphs")]
    judge = GraphJudge(train, parts.test, resolved.method.hops, resolved.evaluate, resolved.seed)
    budget, total = resolved.method.bytes_for(train), int(graph_bytes(train).sum())
    size, kinds = f"at most {budget:,} bytes", []
    if thresholds := getattr(resolved.method, "thresholds", ""):
        size = f"as large as itemsets at thresholds {thresholds} are"
    else:
        kinds.append(("of its size", SETS, resolved.evaluate.steps, judge.random_row("plan", budget)))
    if resolved.evaluate.whole:
        kinds.append(("whole", 1, resolved.evaluate.whole_steps, judge.whole_row()))
    workers = Workers.of(graph_row_needs(judge))
    idle = gauge.once(lambda: None).memory
    units: list[float] = []
    costs: list[Cost] = []
    bases: list[str] = []
    for name, times, steps, row in kinds:
        if row is not None:
            with workers.threads():
                one = _training(resolved, judge, row, steps, gauge)
            seconds = one.seconds / len(judge.gnns)
            units += [seconds] * times * len(judge.gnns)
            costs.append(one)
            bases.append(f"{PROBE[1]} of {steps} steps ({name}: about {time_text(seconds)} a network)")
    if units:
        largest = max(costs, key=lambda cost: cost.memory)
        stages.append(Stage.of("rows", workers.cost(units, largest, idle), ", ".join(bases)))
    return Plan(
        origin=origin,
        device="cpu",
        executor=executor_in_use().name,
        workers=workers.count,
        elsewhere=executor_in_use().elsewhere,
        stages=tuple(stages),
        experts_there=0,
        experts_wanted=0,
        free_memory=gauge.free_memory,
        free_disk=free_disk(home()),
        problems=(),
        facts=(
            f"{resolved.method.name} into {graph_folder(resolved)}: {size}",
            f"{len(train):,} training graphs: {total:,} bytes, {len(train.node_label):,} nodes, at which there are "
            f"{len(found[0].vertex):,} distinct trees of depth {resolved.method.hops}",
            *graph_lines(parts, resolved.data.name, resolved.data.split_seed),
            "the estimate does not include mining itemsets or choosing trees, which needs seconds for most data",
        ),
    )


def _scores(judge: GraphJudge, row: GraphRow) -> None:
    for gnn in judge.gnns:
        judge.score(row, gnn)


def _training(recipe: GraphRecipe, judge: GraphJudge, row: GraphRow, steps: int, gauge: Gauge) -> Cost:
    """The cost of one row under all networks, extrapolated from two short trainings."""
    costs = []
    for probe in (PROBE[0], *PROBE):  # the first one imports libraries and fills caches
        few = dataclasses.replace(recipe.evaluate, steps=probe, whole_steps=probe)
        short = dataclasses.replace(judge, training=few)
        costs.append(gauge.once(partial(_scores, short, row)))
    step = max(0.0, costs[2].seconds - costs[1].seconds) / (PROBE[1] - PROBE[0])
    return Cost(costs[1].seconds + (steps - PROBE[0]) * step, max(cost.memory for cost in costs))
