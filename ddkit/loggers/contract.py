"""The contract of a logger. Each implementation wraps one library, and may raise any error of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Logger(Protocol):
    """Sends the figures of one run to one library.

    `Class(folder, settings, earlier)` opens the log. `folder` is the run's, `settings` are those of its recipe as
    "section.key" -> value, and `earlier` is the `id` of the log that the run had before it was resumed, else "".

    Attributes:
        id: of the log, by which a resumed run continues it; "" if the folder suffices.
    """

    id: str

    def __init__(self, folder: Path, settings: Mapping[str, Any], earlier: str) -> None: ...

    def metrics(self, iteration: int, values: Mapping[str, float]) -> None:
        """Log the metrics of one iteration. A resumed run repeats iterations after its last checkpoint."""
        ...

    def scores(self, iteration: int, values: Mapping[str, float]) -> None:
        """Log the mean of each row of the final table, by the row's name; `iteration` is the number of iterations."""
        ...

    def picture(self, iteration: int, name: str, file: Path) -> None:
        """Log a PNG file."""
        ...

    def close(self, finished: bool) -> None:
        """End the log. `finished` is False if the run was interrupted or failed."""
        ...
