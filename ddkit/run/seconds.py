"""The seconds that the set of a run took, and their two files in its folder."""

from dataclasses import asdict, dataclass
from pathlib import Path

from ddkit.run.json_file import read_json, write_json


@dataclass(frozen=True)
class Seconds:
    """The seconds of a run, over all of its processes; the layout of `seconds.json`.

    Attributes:
        condensing: of making the set, without experts and evaluation.
        experts: of training experts; None if the run trained none.
    """

    condensing: float
    experts: float | None = None


@dataclass(frozen=True)
class Spent:
    """The layout of `spent.json`, and of other files with seconds of work."""

    seconds: float
    experts: float | None = None


@dataclass(frozen=True)
class SecondsFiles:
    """The files of a run folder with the seconds of a finished run (`seconds.json`) and of an unfinished one."""

    folder: Path

    @property
    def finished(self) -> Path:
        return self.folder / "seconds.json"

    @property
    def spent(self) -> Path:
        return self.folder / "spent.json"

    def read(self) -> Seconds | None:
        """Return the seconds until now, of a run that is finished or not; None if the folder has none.

        Raises:
            DataError: a file is damaged.
        """
        finished = read_json(self.finished, Seconds) if self.finished.exists() else None
        spent = read_json(self.spent, Spent) if self.spent.exists() else None
        if spent is None or (finished is not None and finished.condensing >= spent.seconds):
            return finished
        return Seconds(spent.seconds, spent.experts)

    def note(self, seconds: Seconds) -> None:
        """Write the seconds of a run that is not finished."""
        _write(self.spent, Spent(seconds.condensing, seconds.experts))

    def write(self, seconds: Seconds) -> None:
        """Write the seconds of a finished run."""
        _write(self.finished, seconds)


def _write(file: Path, seconds: Seconds | Spent) -> None:
    write_json(file, {name: value for name, value in asdict(seconds).items() if value is not None})
