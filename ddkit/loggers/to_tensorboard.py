"""TensorBoard: event files in the folder `tensorboard` of the run; `tensorboard --logdir RUNS` shows them.

Events are written here and not by TensorBoard's own writer, whose thread hides a full disk, and then blocks the caller.
"""

import importlib
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class TensorBoardLogger:
    """A new event file of a run; see `Logger`. A resumed run has several, which TensorBoard shows as one."""

    id = ""

    def __init__(self, folder: Path, settings: Mapping[str, Any], earlier: str) -> None:
        records = importlib.import_module("tensorboard.summary.writer.record_writer")
        self._event = importlib.import_module("tensorboard.compat.proto.event_pb2")
        self._summary = importlib.import_module("tensorboard.compat.proto.summary_pb2").Summary
        place = folder / "tensorboard"
        place.mkdir(exist_ok=True)
        name = f"events.out.tfevents.{time.time():.6f}.{socket.gethostname()}.{os.getpid()}"
        self._continues = any(place.iterdir())
        self._writer = records.RecordWriter((place / name).open("wb"))
        self._write(file_version="brain.Event:2")

    def metrics(self, iteration: int, values: Mapping[str, float]) -> None:
        if self._continues:  # TensorBoard then hides what a killed run wrote after its last checkpoint
            self._continues = False
            session = self._event.SessionLog
            self._write(step=iteration, session_log=session(status=session.START))
        self._scalars(iteration, values)

    def scores(self, iteration: int, values: Mapping[str, float]) -> None:
        self._scalars(iteration, {f"score/{name}": value for name, value in values.items()})

    def picture(self, iteration: int, name: str, file: Path) -> None:
        from PIL import Image

        with Image.open(file) as picture:
            width, height = picture.size
        image = self._summary.Image(height=height, width=width, encoded_image_string=file.read_bytes())
        self._write(step=iteration, summary=self._summary(value=[self._summary.Value(tag=name, image=image)]))

    def close(self, finished: bool) -> None:
        self._writer.close()

    def _scalars(self, step: int, values: Mapping[str, float]) -> None:
        scalars = [self._summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        self._write(step=step, summary=self._summary(value=scalars))

    def _write(self, **event: Any) -> None:
        self._writer.write(self._event.Event(wall_time=time.time(), **event).SerializeToString())
        self._writer.flush()
