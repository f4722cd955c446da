"""The kind `graphs`: its recipes, runs, plans, tables and comparisons."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import torch

from ddkit.evaluation import Evaluation
from ddkit.evaluation.graph_judge import HERDING, UNTRAINED, WHOLE
from ddkit.evaluation.graph_rows import STORED
from ddkit.jobs.comparison.graphs import compare_graphs
from ddkit.jobs.comparison.lines import Comparison
from ddkit.jobs.machine.device import graph_device
from ddkit.jobs.planning.graphs import plan_graphs
from ddkit.jobs.planning.stages import Plan
from ddkit.jobs.recipes import GraphRecipe
from ddkit.jobs.recipes.folders import graph_folder
from ddkit.jobs.recipes.request import Comparing, Judging, Request, refuse_options
from ddkit.jobs.recipes.resolve_graphs import parse_graphs, resolve_graphs
from ddkit.jobs.runs.graphs import GraphWork, begin_graphs
from ddkit.jobs.runs.resume import resumed
from ddkit.jobs.runs.run import Run
from ddkit.jobs.sets.publish_graphs import publish_graphs
from ddkit.jobs.tables.graphs import graph_tables
from ddkit.run import Change, Meter, RunFolder
from ddkit.synth import GraphSet, export_graphs


class Graphs:
    """The kind of methods and sets of graphs; see `Kind`."""

    name: ClassVar[str] = "graphs"

    def resolve(self, request: Request) -> tuple[GraphRecipe, str]:
        return resolve_graphs(request)

    def resume(self, folder: RunFolder, request: Request) -> tuple[GraphRecipe, list[Change]]:
        refuse_options("graphs", ipc=request.ipc is not None, fyi=request.fyi)
        return resumed(folder, request.assignments, parse_graphs)

    def device(self, name: str) -> torch.device:
        return graph_device(name)

    def default_folder(self, recipe: GraphRecipe) -> Path:
        return graph_folder(recipe)

    def begin(self, run: Run[GraphRecipe], request: Request, origin: str, evaluate: bool, meter: Meter) -> GraphWork:
        return begin_graphs(run, origin, evaluate, meter)

    def plan(self, request: Request, device: torch.device, probe_seconds: float | None, meter: Meter) -> Plan:
        refuse_options("graphs", probe_seconds=probe_seconds is not None)
        return plan_graphs(request)

    def header_rows(self, recipe: GraphRecipe) -> Mapping[str, str]:
        """The method and its rivals. `random` stands for random graphs of as many bytes as the stored set."""
        return {"random": STORED} | {name: name for name in (recipe.method.name, HERDING, UNTRAINED, WHOLE)}

    def tables(self, source: GraphSet | str | Path, judging: Judging, meter: Meter) -> Iterator[Evaluation]:
        return graph_tables(source, judging, meter)

    def compare(self, comparing: Comparing, meter: Meter) -> Comparison:
        return compare_graphs(comparing, meter)

    def export(self, made: GraphSet, form: str, path: Path, data: str | None, meter: Meter) -> Path:
        refuse_options("graphs", data=data is not None)
        return export_graphs(made, form, path)

    def publish(self, made: GraphSet, folder: Path, repo: str, data: str | None, meter: Meter) -> tuple[str, ...]:
        refuse_options("graphs", data=data is not None)
        return publish_graphs(made, folder, repo, meter)
