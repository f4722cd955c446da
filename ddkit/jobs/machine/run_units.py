"""Run units of work with a progress line."""

from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

from ddkit.executors import Needs, SomeUnit, Watch, executor_in_use
from ddkit.run import Meter


def run_units(
    units: Sequence[SomeUnit],
    common: Any,
    needs: Needs,
    title: str,
    meter: Meter,
    keep: Callable[[SomeUnit, Any], object] = lambda unit, result: None,
) -> None:
    """Run all units by the executor in use.

    Args:
        units: the work, in the order in which it begins.
        common: the object that all units share.
        needs: of one unit.
        title: of the progress.
        meter: progress, in units.
        keep: is called with each unit and its result as soon as it is finished. The first error ends the work.
    """
    if not units:
        return
    meter.start(title, len(units))
    with closing(executor_in_use().run(units, common, needs, Watch(lost=meter.say))) as finished:
        for done, (unit, result) in enumerate(finished, start=1):
            keep(unit, result)
            meter.advance(done)
    meter.finish()
