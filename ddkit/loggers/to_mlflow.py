"""MLflow: a run of experiment `ddkit`, or of $MLFLOW_EXPERIMENT_NAME, at $MLFLOW_TRACKING_URI or MLflow's default."""

import os
import re
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ddkit.errors import UsageError
from ddkit.loggers.names import library

PATIENCE = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "10", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}
"""MLflow's own defaults let a run wait an hour for a server that is down. The user's values win."""

SEND_EVERY = 1.0
"""Seconds between two requests with metrics."""

MOST_METRICS = 1000
"""Metrics in a request, at most. It is MLflow's limit."""


class MLflowLogger:
    """A run of MLflow; see `Logger`. It uses a client of its own, so that runs of the calling script go on."""

    def __init__(self, folder: Path, settings: Mapping[str, Any], earlier: str) -> None:
        for name, value in PATIENCE.items():
            os.environ.setdefault(name, value)
        mlflow = library("mlflow")
        if mlflow.get_tracking_uri().startswith("sqlite") and find_spec("sqlalchemy") is None:
            raise UsageError(
                "MLflow's own store needs the whole mlflow: pip install mlflow, or set MLFLOW_TRACKING_URI"
            )
        self._entities, self._client = mlflow.entities, mlflow.MlflowClient()
        self._pending: list[Any] = []
        self._sent = time.monotonic()
        if earlier:
            self.id = earlier
            self._client.update_run(earlier, status="RUNNING")
            return
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "ddkit")
        found = self._client.get_experiment_by_name(name)
        experiment = self._client.create_experiment(name) if found is None else found.experiment_id
        run = self._client.create_run(experiment, run_name=folder.resolve().name)
        self.id = run.info.run_id
        parameters = [self._entities.Param(key, str(value)) for key, value in settings.items()]
        self._client.log_batch(self.id, params=parameters)

    def metrics(self, iteration: int, values: Mapping[str, float]) -> None:
        now = int(1000 * time.time())
        metric = self._entities.Metric
        self._pending += [metric(_allowed(name), value, now, iteration) for name, value in values.items()]
        if time.monotonic() - self._sent > SEND_EVERY:
            self._send()

    def scores(self, iteration: int, values: Mapping[str, float]) -> None:
        self.metrics(iteration, {f"score/{name}": value for name, value in values.items()})
        self._send()

    def picture(self, iteration: int, name: str, file: Path) -> None:
        self._client.log_artifact(self.id, str(file))

    def close(self, finished: bool) -> None:
        self._send()
        self._client.set_terminated(self.id, "FINISHED" if finished else "FAILED")

    def _send(self) -> None:
        while self._pending:
            now, self._pending = self._pending[:MOST_METRICS], self._pending[MOST_METRICS:]
            self._client.log_batch(self.id, metrics=now)
        self._sent = time.monotonic()


def _allowed(name: str) -> str:
    """The name with signs that MLflow does not allow replaced."""
    return re.sub(r"[^\w\-. :/]", "_", name)
