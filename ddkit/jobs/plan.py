"""Plan a condensation before it begins: time, peak memory and disk, from a short probe."""

import math
from pathlib import Path

from ddkit.arguments import checked
from ddkit.errors import UsageError
from ddkit.jobs.kinds import kind_of_recipe
from ddkit.jobs.planning.stages import Plan
from ddkit.jobs.recipes.request import Request
from ddkit.run import Meter, SilentMeter


@checked
def plan(
    method: str | None = None,
    *,
    data: str | None = None,
    ipc: int | None = None,
    fyi: bool = False,
    recipe: str | Path | None = None,
    overrides: tuple[str, ...] = (),
    seed: int | None = None,
    device: str = "auto",
    probe_seconds: float = 10.0,
    meter: Meter | None = None,
) -> Plan:
    """Estimate what `condense` with the same arguments will take on this machine; nothing is kept.

    A few batches, outer iterations and evaluation steps are timed, shorter ones than the recipe's where its own take
    too long. Methods that match experts get one that is not trained. Of graphs the computation trees are counted, and
    a few training steps are timed.

    Args:
        method, data, ipc, fyi, recipe, overrides, seed, device: as for `condense`.
        probe_seconds: about how long to measure; initial images and coresets are chosen as a whole, however long.
        meter: progress; default silent.

    Example:
        >>> found = plan("ftd", ipc=10)
        >>> found.seconds, found.memory, found.disk, found.problems

    Raises:
        UsageError: settings that cannot be obeyed.
        DataError: data or experts that are missing or damaged.
    """
    if not 0 < probe_seconds < math.inf:
        raise UsageError(f"plan: probe_seconds must be above 0 and finite, got {probe_seconds:g}")
    kind = kind_of_recipe(method, recipe)
    request = Request(method, data, ipc, fyi, recipe, seed, overrides)
    return kind.plan(request, kind.device(device), probe_seconds, meter or SilentMeter())
