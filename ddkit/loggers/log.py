"""The log of a run. It never ends or changes the run: an error switches it off, with one warning."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from ddkit.errors import DDKitWarning
from ddkit.loggers.contract import Logger
from ddkit.loggers.names import logger_class
from ddkit.run import RunFolder, read_json, write_json


@runtime_checkable
class RunLog(Protocol):
    """What a run calls. Only the process that writes the run folder has a log."""

    def describe(self, settings: Mapping[str, Any]) -> None:
        """Keep the tables of the recipe, with which the log is opened."""
        ...

    def metrics(self, iteration: int, values: Mapping[str, float]) -> None: ...

    def scores(self, values: Mapping[str, float]) -> None: ...

    def picture(self, name: str, file: Path) -> None: ...


class NoLog:
    """Logs nothing. It is the default of runs."""

    def describe(self, settings: Mapping[str, Any]) -> None:
        pass

    def metrics(self, iteration: int, values: Mapping[str, float]) -> None:
        pass

    def scores(self, values: Mapping[str, float]) -> None:
        pass

    def picture(self, name: str, file: Path) -> None:
        pass


NO_LOG = NoLog()


class Log:
    """The log of a run by one logger.

    The log is opened with the first figures, so that a run that is refused leaves none. The id of the log is kept in
    the run folder, so that a resumed run continues the log.
    """

    def __init__(self, name: str, folder: RunFolder, made: Callable[[Path, Mapping[str, Any], str], Logger]) -> None:
        self._name, self._folder, self._made = name, folder, made
        self._settings: Mapping[str, Any] = {}
        self._logger: Logger | None = None
        self._off = False
        self._iterations = 0

    @staticmethod
    @contextmanager
    def of(name: str | None, folder: RunFolder) -> "Iterator[RunLog]":
        """A block with the log of a run; None: it logs nothing.

        Raises:
            UsageError: there is no such logger, or its library is missing. Nothing is written before.
        """
        if name is None:
            yield NO_LOG
            return
        log, finished = Log(name, folder, logger_class(name)), False
        try:
            yield log
            finished = True
        finally:
            log.close(finished)

    def describe(self, settings: Mapping[str, Any]) -> None:
        self._settings = dict(_flat(settings))

    def metrics(self, iteration: int, values: Mapping[str, float]) -> None:
        self._iterations = iteration + 1
        self._safely(lambda logger: logger.metrics(iteration, values))

    def scores(self, values: Mapping[str, float]) -> None:
        self._safely(lambda logger: logger.scores(self._iterations, values))

    def picture(self, name: str, file: Path) -> None:
        """Log a picture, if its file exists."""
        if file.exists():
            self._safely(lambda logger: logger.picture(self._iterations, name, file))

    def close(self, finished: bool) -> None:
        """End the log, if it was opened."""
        if self._logger is not None:
            self._safely(lambda logger: logger.close(finished))
            self._off = True

    def _safely(self, call: Callable[[Logger], None]) -> None:
        """Call the logger. The first error switches it off; only the user's own interrupt is raised."""
        if self._off:
            return
        try:
            if self._logger is None:
                self._logger = self._opened()
            call(self._logger)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # libraries raise all kinds of errors, SystemExit among them
            self._off = True
            line = f"log '{self._name}': is switched off, and the run goes on: {type(error).__name__}: {error}"
            with suppress(DDKitWarning):  # where warnings are errors
                warnings.warn(DDKitWarning(" ".join(line.split())), stacklevel=2)

    def _opened(self) -> Logger:
        ids = read_json(self._folder.logs, dict[str, str]) if self._folder.logs.exists() else {}
        logger = self._made(self._folder.path, self._settings, ids.get(self._name, ""))
        if logger.id:
            write_json(self._folder.logs, ids | {self._name: logger.id})
        return logger


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
