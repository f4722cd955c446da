"""Standard output and standard error of the command line: no text and no full disk ends a command.

A sign that the terminal's encoding lacks is written as one that it has. Where a stream cannot be written (its disk is
full, its reader has gone) the command goes on and keeps what it makes; `main` says so at the end.
"""

import codecs
import errno
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from ddkit.errors import DataError, reason

PLAIN = {"±": "+-", "…": "...", "×": "x", "−": "-", "–": "-", "•": "*", "━": "-", "╸": "-", "╺": "-"}
"""What stands for a sign where an encoding lacks it; any other is escaped, as in \\u2713."""


class Stream:
    """A text stream whose failures are kept in `lost` and never raised."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream if stream is not None else Path(os.devnull).open("w")  # closed by the shell, as by >&-
        self.lost: OSError | None = None
        with suppress(AttributeError, ValueError):  # a stream in memory has no encoding to fall short
            self._stream.reconfigure(errors="ddkit")

    def write(self, text: str) -> int:
        """Write the text, or nothing."""
        self._guard(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Flush, if that is possible."""
        self._guard(lambda: self._stream.flush())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _guard(self, act: Any) -> None:
        try:
            act()
        except OSError as error:
            self.lost = self.lost or error
            with suppress(OSError, ValueError):  # so that what is buffered cannot fail again, at exit
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())


def guard_streams() -> None:
    """Guard the process's standard output and error."""
    codecs.register_error("ddkit", _plain)
    sys.stdout, sys.stderr = Stream(sys.stdout), Stream(sys.stderr)


def closing_code(code: int) -> int:
    """The exit code of a command that ended with `code`: a success whose output is lost is none, and says so.

    A reader that has gone (`| head`) has seen what it wanted, and changes nothing.
    """
    sys.stdout.flush()
    lost = getattr(sys.stdout, "lost", None)
    if lost is None or lost.errno == errno.EPIPE or code:
        return code
    print(
        f"ddkit: standard output cannot be written ({lost.strerror or reason(lost)}), so not all of it was shown; the "
        "command itself is done, and what it makes is saved",
        file=sys.stderr,
    )
    return DataError.exit_code


def _plain(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    wrong = error.object[error.start : error.end]
    return "".join(PLAIN.get(sign, ascii(sign)[1:-1]) for sign in wrong), error.end
