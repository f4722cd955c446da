"""Units of work that leave their results in files, with a progress line."""

from collections.abc import Sequence
from contextlib import closing
from typing import Any

import torch

from ddkit.run import Meter, Unit, how_many, work_through


def spread(units: Sequence[Unit], common: Any, device: torch.device, title: str, meter: Meter) -> None:
    """Do all units, as many at once as `how_many` says. The first error ends it; what was finished is kept."""
    if not units:
        return
    meter.start(title, len(units))
    with closing(work_through(units, common, how_many(device))) as finished:
        for done, _ in enumerate(finished, start=1):
            meter.advance(done)
    meter.finish()
