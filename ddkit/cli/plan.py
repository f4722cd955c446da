"""ddkit plan"""

import math
from typing import TYPE_CHECKING

import click

from ddkit.cli.condense import condense
from ddkit.cli.options import executor_options
from ddkit.cli.output import echo

if TYPE_CHECKING:
    from ddkit.jobs import Plan

SHARED = ("method", "data", "ipc", "fyi", "seed", "device", "overrides")
"""Options that `ddkit plan` shares with `ddkit condense`."""


@click.command(params=[option for option in condense.params if option.name in SHARED])
@click.argument("recipe", required=False)
@click.option(
    "--probe-seconds",
    type=click.FloatRange(min=0, min_open=True),
    help="About how long to measure; default 10. Plans for graphs have no such choice.",
)
@executor_options
def plan(
    recipe: str | None,
    method: str | None,
    data: str | None,
    ipc: int | None,
    fyi: bool,
    seed: int | None,
    device: str,
    overrides: tuple[str, ...],
    probe_seconds: float | None,
) -> None:
    """Estimate time, memory and disk of condensing on this machine, from a short probe.

    RECIPE is a recipe's name or a TOML file, as for ddkit condense --recipe. No training runs to its end, and nothing
    is kept. If memory or disk do not suffice, a line says which setting to change.
    """
    from ddkit.errors import UsageError
    from ddkit.jobs import plan as job
    from ddkit.run import terminal_meter

    if probe_seconds is not None and not math.isfinite(probe_seconds):
        raise UsageError(f"option --probe-seconds: must be a number of seconds, got {probe_seconds}")
    with terminal_meter() as meter:
        found = job(
            method,
            data=data,
            ipc=ipc,
            fyi=fyi,
            recipe=recipe,
            overrides=overrides,
            seed=seed,
            device=device,
            probe_seconds=probe_seconds,
            meter=meter,
        )
    _print(found)


def _workers(plan: "Plan") -> str:
    """The executor and the workers that the plan assumes."""
    from ddkit.errors import counted

    line = f"executor: {plan.executor}, {counted(plan.workers, 'worker')}; time is that of the critical path"
    if plan.executor != "local":
        line += ", if each worker is as fast as this machine"
    return f"{line}; peak memory of experts and evaluation is that of one worker" if plan.elsewhere else line


def _print(plan: "Plan") -> None:
    """Print a row for each stage and the total, and lines about stored experts, free memory and problems."""
    from ddkit.cli.grid import print_rows
    from ddkit.jobs.machine.amounts import size_text, time_text

    rows = [
        (s.name, time_text(s.seconds), f"{s.at_once} of {s.units}", size_text(s.memory), size_text(s.disk))
        for s in plan.stages
    ]
    total = ("total", time_text(plan.seconds), "", size_text(plan.memory), size_text(plan.disk))
    print_rows(("stage", "time", "at once", "peak memory", "disk"), [*rows, total], right=True)
    echo(f"- {_workers(plan)}")
    for fact in plan.facts:
        echo(f"- {fact}")
    if plan.experts_wanted:
        echo(f"- experts that are there: {plan.experts_there} of {plan.experts_wanted}")
    echo(f"- free: {size_text(plan.free_memory)} of memory ({plan.device}), {size_text(plan.free_disk)} at home")
    bases = "; ".join(f"{stage.name} from {stage.basis}" for stage in plan.stages if stage.basis)
    echo(f"- estimates, from a probe: {bases}")
    for problem in plan.problems:
        echo(f"does not fit: {problem}")
