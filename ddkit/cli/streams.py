"""Standard output and standard error that never end a command by an error.

A character that the terminal's encoding lacks is replaced. If a stream cannot be written (its disk is full, its reader
has ended), the command continues and keeps its files; `main` reports the loss at the end.
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
"""Replacements of characters that an encoding lacks. Other characters are escaped, as in \\u2713."""


class Stream:
    """A text stream that stores its first error in `lost` and raises none."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream if stream is not None else Path(os.devnull).open("w")  # None if the shell closed it (>&-)
        self.lost: OSError | None = None
        with suppress(AttributeError, ValueError):  # a stream in memory has no encoding
            self._stream.reconfigure(errors="ddkit")

    def write(self, text: str) -> int:
        """Write the text if the stream works."""
        self._guard(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Flush if the stream works."""
        self._guard(lambda: self._stream.flush())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _guard(self, act: Any) -> None:
        try:
            act()
        except OSError as error:
            self.lost = self.lost or error
            with suppress(OSError, ValueError):  # so that buffered text does not fail again at exit
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())


def guard_streams() -> None:
    """Replace the process's standard output and error by `Stream`s."""
    codecs.register_error("ddkit", _plain)
    sys.stdout, sys.stderr = Stream(sys.stdout), Stream(sys.stderr)


def closing_code(code: int) -> int:
    """The exit code of a command that ended with `code`.

    If the command succeeded but its output is lost, the code is that of DataError, and a line says so. A reader that
    ended early (`| head`) is no loss.
    """
    sys.stdout.flush()
    lost = getattr(sys.stdout, "lost", None)
    if lost is None or lost.errno == errno.EPIPE or code:
        return code
    print(
        f"ddkit: standard output cannot be written ({lost.strerror or reason(lost)}), so not all of it was shown; the "
        "command itself is done, and its files are saved",
        file=sys.stderr,
    )
    return DataError.exit_code


def _plain(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    wrong = error.object[error.start : error.end]
    return "".join(PLAIN.get(character, ascii(character)[1:-1]) for character in wrong), error.end
