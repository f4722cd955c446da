"""Weights & Biases: a run of project `ddkit`, or of $WANDB_PROJECT. WANDB_MODE=offline keeps it in the run folder."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ddkit.loggers.names import library

SECONDS = 30
"""Seconds until the logger gives up the login or the server's answer."""


class WandbLogger:
    """A run of Weights & Biases; see `Logger`."""

    def __init__(self, folder: Path, settings: Mapping[str, Any], earlier: str) -> None:
        self._wandb = library("wandb")
        self._run = self._wandb.init(
            project=os.environ.get("WANDB_PROJECT", "ddkit"),
            name=folder.resolve().name,
            dir=folder,
            id=earlier or None,
            resume="allow",
            config=dict(settings),
            reinit="create_new",  # a run of the calling script goes on
            settings=self._wandb.Settings(init_timeout=SECONDS, login_timeout=SECONDS, console="off", quiet=True),
        )
        self._run.define_metric("iteration")
        self._run.define_metric("*", step_metric="iteration")
        self.id: str = self._run.id

    def metrics(self, iteration: int, values: Mapping[str, float]) -> None:
        self._run.log({**values, "iteration": iteration})

    def scores(self, iteration: int, values: Mapping[str, float]) -> None:
        self._run.summary.update({f"score/{name}": value for name, value in values.items()})

    def picture(self, iteration: int, name: str, file: Path) -> None:
        self._run.log({name: self._wandb.Image(str(file)), "iteration": iteration})

    def close(self, finished: bool) -> None:
        self._run.finish(exit_code=0 if finished else 1)
