"""The plan of a condensation of images: time, peak memory and disk, from a short probe."""

import torch

from ddkit.errors import counted
from ddkit.executors import Needs, executor_in_use
from ddkit.experts import ExpertSource, Stock
from ddkit.home import home
from ddkit.jobs.data.loading import load_task, report_data, report_net
from ddkit.jobs.flips.guard import guard_flips
from ddkit.jobs.machine.amounts import size_text
from ddkit.jobs.machine.threads import fitting_threads
from ddkit.jobs.planning.condensation_probe import probe_condensation
from ddkit.jobs.planning.evaluation_probe import probe_evaluation, rows_of
from ddkit.jobs.planning.expert_probe import probe_missing
from ddkit.jobs.planning.gauge import Gauge
from ddkit.jobs.planning.stages import Plan, Stage, free_disk
from ddkit.jobs.recipes import Recipe
from ddkit.jobs.recipes.fitted import fit_to_data
from ddkit.jobs.recipes.folders import image_folder
from ddkit.jobs.recipes.request import Request
from ddkit.jobs.recipes.resolve import resolve
from ddkit.jobs.sets.given import lines_on_given
from ddkit.run import Meter
from ddkit.task import Task

PROBE_SECONDS = 10.0
"""About how long all measurements of a plan take, if the user does not say."""


def plan_images(request: Request, device: torch.device, probe_seconds: float | None, meter: Meter) -> Plan:
    """The plan of a condensation of images; see `ddkit.plan`."""
    resolved, origin = resolve(**vars(request))
    facts = []
    gauge = Gauge(device)
    loaded: list[Task] = []
    loading = gauge.once(lambda: loaded.append(load_task(resolved.data, resolved.net, device, meter)))
    task = loaded[0]
    resolved.method.refuse_data(task.real)
    guard_flips(resolved, task, meter)
    report_data(task, meter)
    report_net(task.net, meter)
    resolved, line = fit_to_data(resolved, request, task.real.data)
    task = task.under(resolved.net)
    facts += [*[line] * bool(line), *lines_on_given(resolved, task)]
    source = resolved.source(task)
    stock = source.stock()
    seconds = (PROBE_SECONDS if probe_seconds is None else probe_seconds) / 3
    stages = [Stage.of("data", loading, "")]
    meter.start("probing", 3)
    with fitting_threads(task.net.shape):
        if stock.missing:
            cost, basis = probe_missing(resolved, task, gauge, seconds, stock.missing)
            stages.append(Stage.of("experts", cost, basis, stock.disk))
        meter.advance(1)
        cost, disk, basis = probe_condensation(resolved, task, gauge, seconds)
        stages.append(Stage.of("condensation", cost, basis, disk))
        meter.advance(2)
        images = resolved.method.counts(task.real).total * resolved.method.packing**2
        cost, basis = probe_evaluation(resolved.evaluate, images, rows_of(resolved), task, gauge, seconds)
        stages.append(Stage.of("evaluation", cost, basis))
        meter.advance(3)
    meter.finish()
    return Plan(
        origin=origin,
        device=str(device),
        executor=executor_in_use().name,
        workers=executor_in_use().at_once(Needs(device)),
        elsewhere=executor_in_use().elsewhere,
        stages=tuple(stages),
        experts_there=stock.there,
        experts_wanted=stock.there + stock.missing,
        free_memory=gauge.free_memory,
        free_disk=free_disk(home()),
        problems=(
            *_disk_problems(resolved, source, stock, disk),
            *_memory_problems(resolved, stages, gauge.free_memory),
        ),
        facts=tuple(facts),
    )


def _disk_problems(recipe: Recipe, source: ExpertSource, stock: Stock, run: int) -> list[str]:
    """A line for the experts and a line for the run folder, if they need more disk than is free."""
    problems, free = [], free_disk(home())
    if stock.disk > free:
        ways = [*source.ways_to_less_disk(stock, free), "set DDKIT_HOME to a folder on a larger disk"]
        need = (
            f"{counted(stock.missing, 'missing expert')}: {size_text(stock.disk)} of disk, {size_text(free)} are free "
            "at home"
        )
        problems.append(f"{need}; {', or '.join(ways)}")
    folder = image_folder(recipe)
    if run > (free := free_disk(folder)):
        problems.append(
            f"the run folder needs {size_text(run)} of disk, {size_text(free)} are free here; choose an --out elsewhere"
        )
    return problems


def _memory_problems(recipe: Recipe, stages: list[Stage], free: int) -> list[str]:
    """A line for each stage whose peak memory exceeds the free memory of this machine, if its units run here."""
    experts = recipe.experts
    divided = ("experts", "evaluation") if executor_in_use().elsewhere else ()
    ways = {
        "data": "use fewer or smaller images",
        "experts": f"lower experts.batch, now {experts.batch}, or net.width" if experts is not None else "",
        "condensation": recipe.method.less_memory,
        "evaluation": f"lower evaluate.batch, now {recipe.evaluate.batch}, or evaluate.nets, or pass --no-evaluate",
    }
    return [
        f"{stage.name}: needs {size_text(stage.memory)} of memory, {size_text(free)} are free; {ways[stage.name]}"
        for stage in stages
        if stage.memory > free and stage.name not in divided
    ]
