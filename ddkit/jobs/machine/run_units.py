"""Run units of work whose results are files, with a progress line."""

from collections.abc import Sequence
from contextlib import closing
from typing import Any

import torch

from ddkit.run import Meter, Unit, how_many, work_through


def run_units(units: Sequence[Unit], common: Any, device: torch.device, title: str, meter: Meter) -> None:
    """Run all units, `how_many` at once. The first error ends the work; files of finished units are kept."""
    if not units:
        return
    meter.start(title, len(units))
    with closing(work_through(units, common, how_many(device))) as finished:
        for done, _ in enumerate(finished, start=1):
            meter.advance(done)
    meter.finish()
