"""A small run that loggers log."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ddkit import condense
from ddkit.jobs.runs import Condensed

SMALL = (
    *("net.name=convnet", "net.depth=1", "net.width=4", "method.iterations=4"),
    *("evaluate.nets=2", "evaluate.steps=2", "evaluate.epochs=1", "evaluate.whole=false"),
)


@pytest.fixture
def small_run(home: Path) -> Callable[..., Condensed]:
    """DM on digits, with 4 iterations; the arguments are those of `condense`."""

    def run(out: Path, *overrides: str, **more: Any) -> Condensed:
        return condense("dm", ipc=1, out=out, overrides=(*(() if more.get("resume") else SMALL), *overrides), **more)

    return run
