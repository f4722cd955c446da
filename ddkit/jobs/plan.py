"""Plan a condensation: estimate its time, peak memory and disk from a short probe."""

import math
from pathlib import Path

from ddkit.arguments import checked
from ddkit.errors import UsageError
from ddkit.jobs.kinds import kind_of_request
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
    probe_seconds: float | None = None,
    meter: Meter | None = None,
) -> Plan:
    """Estimate time, memory and disk of `condense` with the same arguments on this machine. Nothing is kept.

    For images, a few batches, outer iterations and evaluation steps are timed. Where the recipe's own are too long for
    the probe, shorter ones are timed and extrapolated. Methods that match experts match an untrained one. For graphs,
    the computation trees are counted and a few training steps are timed.

    Args:
        method, data, ipc, fyi, recipe, overrides, seed, device: as for `condense`.
        probe_seconds: about how long to measure; default 10; plans for graphs have no such choice. The choice of
            initial images or of a coreset is always measured completely.
        meter: progress; default silent.

    Example:
        >>> found = plan("ftd", ipc=10)
        >>> found.seconds, found.memory, found.disk, found.problems

    Raises:
        UsageError: invalid settings.
        DataError: missing or damaged data or experts.
    """
    if probe_seconds is not None and not 0 < probe_seconds < math.inf:
        raise UsageError(f"plan: probe_seconds must be above 0 and finite, got {probe_seconds:g}")
    request = Request(method, data, ipc, fyi, recipe, seed, overrides)
    kind = kind_of_request(request)
    return kind.plan(request, kind.device(device), probe_seconds, meter or SilentMeter())
