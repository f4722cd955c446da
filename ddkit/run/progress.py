"""Progress of long work: one small interface, a live bar on a terminal, and plain lines in logs."""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from ddkit.errors import printable

LINE_EVERY_SECONDS = 15.0
DRAW_EVERY_SECONDS = 0.1


@runtime_checkable
class Meter(Protocol):
    """Shows the progress of a piece of work. `start` can be called again after `finish`, for the next piece."""

    def start(self, title: str, total: int, done: int = 0) -> None: ...

    def advance(self, done: int, values: Mapping[str, float] | None = None) -> None: ...

    def finish(self) -> None: ...

    def say(self, line: str) -> None: ...


class SilentMeter:
    """Shows nothing. It is the default of library calls."""

    def start(self, title: str, total: int, done: int = 0) -> None:
        pass

    def advance(self, done: int, values: Mapping[str, float] | None = None) -> None:
        pass

    def finish(self) -> None:
        pass

    def say(self, line: str) -> None:
        pass


class PassingMeter:
    """Passes everything on to another meter. A meter that does more at some of the calls overrides these."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def start(self, title: str, total: int, done: int = 0) -> None:
        self._meter.start(title, total, done)

    def advance(self, done: int, values: Mapping[str, float] | None = None) -> None:
        self._meter.advance(done, values)

    def finish(self) -> None:
        self._meter.finish()

    def say(self, line: str) -> None:
        self._meter.say(line)


class BarMeter:
    """A live bar with the time left and the latest values.

    It is drawn by `advance` and not by a thread. If a thread holds a lock while the process is forked, nobody releases
    that lock in the child.
    """

    def __init__(self, console: Console) -> None:
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[values]}", markup=False),
        )
        self._console = console
        self._columns = columns
        self._progress: Progress | None = None
        self._task = TaskID(0)
        self._drawn = 0.0

    def start(self, title: str, total: int, done: int = 0) -> None:
        self.finish()
        self._progress = Progress(*self._columns, console=self._console, auto_refresh=False)
        self._progress.start()
        self._task = self._progress.add_task(printable(title), total=total, completed=done, values="")
        self._progress.refresh()

    def advance(self, done: int, values: Mapping[str, float] | None = None) -> None:
        if self._progress is not None:
            now = time.monotonic()
            due = now - self._drawn >= DRAW_EVERY_SECONDS
            self._drawn = now if due else self._drawn
            self._progress.update(self._task, completed=done, values=printable(_text(values)), refresh=due)

    def finish(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def say(self, line: str) -> None:
        self._console.print(printable(line), highlight=False, soft_wrap=True, markup=False)


class LineMeter:
    """Lines for logs: one every 15 seconds with the time left, and one at the end."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._title, self._total = "", 0
        self._begin = self._last = 0.0
        self._first = self._done = 0

    def start(self, title: str, total: int, done: int = 0) -> None:
        self._title, self._total, self._first, self._done = title, total, done, done
        self._begin = self._last = time.monotonic()

    def advance(self, done: int, values: Mapping[str, float] | None = None) -> None:
        self._done = done
        now = time.monotonic()
        if now - self._last >= LINE_EVERY_SECONDS:
            self._last = now
            left = (now - self._begin) / max(1, done - self._first) * (self._total - done)
            self.say(f"{self._title}: {done}/{self._total}, {left:.0f} s left {_text(values)}")

    def finish(self) -> None:
        if self._total:
            self.say(f"{self._title}: {self._done}/{self._total} in {time.monotonic() - self._begin:.1f} s")
        self._total = 0

    def say(self, line: str) -> None:
        self._console.print(printable(line), highlight=False, soft_wrap=True, markup=False)


@contextmanager
def terminal_meter() -> Iterator[Meter]:
    """Give the meter for standard error: a bar on a terminal, lines otherwise.

    The meter is always finished at the end, because a live bar hides the cursor and would overwrite an error line.
    """
    console = Console(file=sys.stderr)
    meter: Meter = BarMeter(console) if console.is_terminal else LineMeter(console)
    try:
        yield meter
    finally:
        meter.finish()


def _text(values: Mapping[str, float] | None) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in (values or {}).items())
