"""A meter that also writes the messages of a run to its folder, so that the report can show them later."""

from contextlib import suppress

from ddkit.run.folder import RunFolder
from ddkit.run.progress import Meter, PassingMeter


class RecordingMeter(PassingMeter):
    """Passes everything on to another meter, and appends each message to the folder's `messages`.

    Messages wait in memory until `begin` is called, because a run that is refused changes no file. A full disk does not
    end a run here: the user has already seen the message.

    Attributes:
        begun: whether the folder may be written.
    """

    def __init__(self, meter: Meter, folder: RunFolder) -> None:
        super().__init__(meter)
        self._folder = folder
        self._waiting: list[str] = []
        self.begun = False

    def say(self, line: str) -> None:
        super().say(line)
        self.record(line)

    def begin(self) -> None:
        """Write the messages that wait, and all later ones at once."""
        self.begun = True
        self._write()

    def record(self, line: str) -> None:
        """Write a message to the folder without showing it."""
        self._waiting.append(" ".join(line.split()))
        if self.begun:
            self._write()

    def _write(self) -> None:
        with suppress(OSError), self._folder.messages.open("a", encoding="utf-8", errors="replace") as file:
            file.writelines(f"{line}\n" for line in self._waiting)
        self._waiting.clear()
