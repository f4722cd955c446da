"""Ctrl-C, SIGTERM (a batch system's time limit) and SIGHUP (a terminal that is gone): each ends a command in one way.

The first signal raises `Stopped`, so that everything is cleaned up on the way out. A second one ends the process at
once. The handlers belong to the command line; who calls the library keeps their own.

An exception that a signal raises can be lost: Python drops what is raised within a finaliser, a callback of a weak
reference or a bare `except:` of another library, and within an import it leaves half a module behind. Hence none is
raised while a module is imported: a command that is still importing what it needs has nothing to clean up and ends at
once, a later import is waited for. Until the command has ended a timer looks whether the exception is on its way, and
raises it again if not.
"""

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from ddkit.errors import with_causes

WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated", signal.SIGHUP: "hung up"}

WAYS = {"condense": " with --resume", "verify": " with --resume", "compare": "", "graphs": "", "evaluate": ""}
"""Commands that go on, and what is added to them for that."""

_HOUSE = Path(__file__).parents[1]
_OUTSIDE = tuple(str(_HOUSE / name) for name in ("cli", "lazy.py", "__main__.py"))
"""Where a command is before its work begins."""


TOGETHER = 0.5
"""Seconds within which a second signal is still the first: `timeout` signals a process, and then its whole group."""

LOOK_EVERY = 0.05
"""Seconds between two looks at an exception on its way."""


class Stopped(KeyboardInterrupt):
    """A signal asks the command to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def signal_behind(error: BaseException) -> signal.Signals:
    """The signal that an interrupt came from."""
    numbers = (e.number for e in with_causes(error) if isinstance(e, Stopped))
    return signal.Signals(next(numbers, signal.SIGINT))


def farewell(number: signal.Signals, arguments: list[str]) -> str:
    """The last line of a command that a signal has ended."""
    command = next(iter(arguments), "")
    way = "" if "--resume" in arguments else WAYS.get(command, "")
    return f"ddkit: {WORDS[number]}" + (f"; run the same command{way} to go on" if command in WAYS else "")


class Stopping:
    """The handlers of a process; `install` them once, and say when the command has `ended`."""

    def __init__(self) -> None:
        self._first: int | None = None
        self._since = 0.0
        self._over = False

    def install(self) -> None:
        """Take over the signals, but for those that the process was started to ignore (`nohup`, `&`)."""
        for number in WORDS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._on_signal)
        sys.unraisablehook = _silent_of_stops

    def ended(self) -> None:
        """From now on a signal ends the process without a word: what remains is to leave Python."""
        self._over = True
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._over or (self._first is not None and time.monotonic() - self._since > TOGETHER):
            _show_cursor()
            os._exit(128 + number)
        if self._first is None:
            self._first, self._since = number, time.monotonic()
            signal.signal(signal.SIGALRM, self._look)
            signal.setitimer(signal.ITIMER_REAL, LOOK_EVERY, LOOK_EVERY)
            self._stop(frame)

    def _look(self, _: int, frame: FrameType | None) -> None:
        handled = sys.exception()
        if handled is None or not any(isinstance(e, Stopped) for e in with_causes(handled)):
            self._stop(frame)

    def _stop(self, frame: FrameType | None) -> None:
        assert self._first is not None
        files = _files(frame)
        imports = [i for i, file in enumerate(files) if file.startswith("<frozen importlib")]
        if not imports:
            raise Stopped(self._first)
        inside = [file for file in files[imports[-1] :] if file.startswith(f"{_HOUSE}{os.sep}")]
        if all(file.startswith(_OUTSIDE) for file in inside):
            with suppress(OSError):
                os.write(2, f"{farewell(signal.Signals(self._first), sys.argv[1:])}\n".encode())
            _show_cursor()
            os._exit(128 + self._first)


def _files(frame: FrameType | None) -> list[str]:
    """The source files of what is running, the innermost first."""
    found = []
    while frame is not None:
        found.append(frame.f_code.co_filename)
        frame = frame.f_back
    return found


def _silent_of_stops(unraisable: Any) -> None:
    """Python's report of an exception that went nowhere, but for ours, which comes again."""
    if not isinstance(unraisable.exc_value, Stopped):
        sys.__unraisablehook__(unraisable)


def _show_cursor() -> None:
    """A live bar hides it."""
    with suppress(OSError):
        if os.isatty(2):
            os.write(2, b"\x1b[?25h")
