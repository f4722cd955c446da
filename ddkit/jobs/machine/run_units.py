"""Run units of work whose results are files, with a progress line."""

from collections.abc import Sequence
from contextlib import closing
from typing import Any

from ddkit.run import Meter, Unit, work_through


def run_units(units: Sequence[Unit], common: Any, count: int, title: str, meter: Meter) -> None:
    """Run all units, `count` at once (see `how_many`).

    The first error ends the work; the files of finished units stay.
    """
    if not units:
        return
    meter.start(title, len(units))
    with closing(work_through(units, common, count)) as finished:
        for done, _ in enumerate(finished, start=1):
            meter.advance(done)
    meter.finish()
