"""Handle Ctrl-C, SIGTERM (the time limit of a batch system) and SIGHUP (a closed terminal) in commands.

The first signal raises `Stopped`, so that `finally` blocks and context managers clean up. A second signal ends the
process at once. Only the command line installs the handlers; callers of the library keep their own.

An exception in a signal handler can be lost. Python drops it within a finaliser, a callback of a weak reference or a
bare `except:` of another library, and within an import it leaves a half-loaded module. Hence `Stopped` is not raised
during an import. A command that still imports its own modules has nothing to clean up and ends at once; a later import
may finish first. Until the command has ended, a timer checks whether `Stopped` is being handled, and raises it again if
not.
"""

import os
import shlex
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from ddkit.errors import with_causes
from ddkit.ranks import several

WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated", signal.SIGHUP: "hung up"}

RESUME = "--resume"

WITH_RESUME = ("condense", "verify")
"""Commands that continue a run if this option is given, and only if its folder holds a run."""

AGAIN = ("compare", "graphs", "evaluate", "sets verify", "relabel", "teachers train")
"""Commands that keep finished work and continue with it if they are given again."""

_PACKAGE = Path(__file__).parents[1]
_BEFORE_WORK = tuple(str(_PACKAGE / name) for name in ("cli", "lazy.py", "__main__.py"))
"""Files whose code runs before the work of a command begins."""


TOGETHER = 0.5
"""Seconds within which a second signal is ignored: `timeout` signals a process, and then its whole group."""

CHECK_EVERY = 0.05
"""Seconds between two checks of whether `Stopped` is being handled."""


class Stopped(KeyboardInterrupt):
    """A signal ended the command."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def signal_behind(error: BaseException) -> signal.Signals:
    """The signal that caused an interrupt."""
    numbers = (e.number for e in with_causes(error) if isinstance(e, Stopped))
    return signal.Signals(next(numbers, signal.SIGINT))


def farewell(number: signal.Signals, arguments: list[str], begun: bool = False) -> str:
    """The last line of a command that a signal has ended, or of one of its ranks.

    `begun` says that the folder of its run holds what is needed to resume the run.
    """
    line, command = f"ddkit: {WORDS[number]}", next(iter(arguments), "")
    again = command in AGAIN or " ".join(arguments[:2]) in AGAIN
    options: tuple[str, ...] = ()
    if command in WITH_RESUME and (begun or RESUME in arguments):
        again, options = True, () if RESUME in arguments else (RESUME,)
    if not again:
        return line
    if several():
        return f"{line}; run the same command with {RESUME} to go on"
    return f"{line}. To resume, run: ddkit {shlex.join([*arguments, *options])}"


class Stopping:
    """The signal handlers of a process. Call `install` once, and `ended` when the command has ended.

    `speaks` is false for a rank that prints nothing.
    """

    def __init__(self, speaks: bool = True) -> None:
        self._speaks = speaks
        self._first: int | None = None
        self._since = 0.0
        self._over = False

    def install(self) -> None:
        """Install the handlers, except for signals that the process ignores from its start (`nohup`, `&`)."""
        for number in WORDS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._on_signal)
        sys.unraisablehook = _silent_of_stops

    def ended(self) -> None:
        """From now on, a signal ends the process without a message."""
        self._over = True
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._over or (self._first is not None and time.monotonic() - self._since > TOGETHER):
            _show_cursor()
            os._exit(128 + number)
        if self._first is None:
            self._first, self._since = number, time.monotonic()
            signal.signal(signal.SIGALRM, self._check)
            signal.setitimer(signal.ITIMER_REAL, CHECK_EVERY, CHECK_EVERY)
            self._stop(frame)

    def _check(self, _: int, frame: FrameType | None) -> None:
        handled = sys.exception()
        if self._over:
            return
        if handled is None or not any(isinstance(e, Stopped) for e in with_causes(handled)):
            self._stop(frame)

    def _stop(self, frame: FrameType | None) -> None:
        assert self._first is not None
        files = _files(frame)
        imports = [i for i, file in enumerate(files) if file.startswith("<frozen importlib")]
        if not imports:
            raise Stopped(self._first)
        own = [file for file in files[imports[-1] :] if file.startswith(f"{_PACKAGE}{os.sep}")]
        if all(file.startswith(_BEFORE_WORK) for file in own):
            if self._speaks:
                line = f"{farewell(signal.Signals(self._first), sys.argv[1:])}\n"
                with suppress(OSError):
                    os.write(2, line.encode(errors="surrogateescape"))
            _show_cursor()
            os._exit(128 + self._first)


def _files(frame: FrameType | None) -> list[str]:
    """The source files of all frames, the innermost first."""
    found = []
    while frame is not None:
        found.append(frame.f_code.co_filename)
        frame = frame.f_back
    return found


def _silent_of_stops(unraisable: Any) -> None:
    """Report an exception that Python could not raise, except `Stopped`, which is raised again."""
    if not isinstance(unraisable.exc_value, Stopped):
        sys.__unraisablehook__(unraisable)


def _show_cursor() -> None:
    """Show the terminal's cursor, which a progress bar hides."""
    with suppress(OSError):
        if os.isatty(2):
            os.write(2, b"\x1b[?25h")
