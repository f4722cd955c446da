"""The run folder of one set of a comparison, of images or of graphs: its name, making the set, and unreadable sets."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ddkit.errors import DataError, UsageError
from ddkit.executors import Report
from ddkit.jobs.recipes import ResolvedRecipe, changed_settings
from ddkit.jobs.runs.make import make
from ddkit.jobs.runs.resume import Resolved, resumed
from ddkit.jobs.runs.run import Run
from ddkit.jobs.runs.work import Work
from ddkit.run import Meter, RunFolder, Seconds, SecondsFiles, SilentMeter, read_json
from ddkit.synth import GraphSet, SyntheticSet


class Reporting(SilentMeter):
    """A silent meter that calls `report` with the number of finished steps."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def advance(self, done: int, values: Mapping[str, float] | None = None) -> None:
        self._report(done)


@dataclass(frozen=True)
class SetFolder(RunFolder):
    """The run folder of one set of a comparison."""

    @staticmethod
    def of(out: Path, name: str, recipe: ResolvedRecipe) -> "SetFolder":
        """The folder of a recipe under its seed, in the comparison's folder `out`.

        The folder's name has a digest of the settings that affect the set, so that other settings have another folder.
        """
        digest = hashlib.sha256(repr(_settings_of_set(recipe)).encode()).hexdigest()[:8]
        return SetFolder(out / f"{name}-{digest}-seed{recipe.seed}")

    @property
    def seconds_file(self) -> Path:
        return SecondsFiles(self.path).finished

    @property
    def finished(self) -> bool:
        """Whether the set is made."""
        return self.set.exists() and self.seconds_file.exists()

    def seconds(self) -> float:
        """The seconds in which the set was made.

        Raises:
            DataError: the file with the seconds is damaged.
        """
        return float(read_json(self.seconds_file, Seconds).condensing)

    def make(
        self, recipe: Resolved, device: torch.device, work: Callable[[Run[Resolved]], Work[Any]], report: Report
    ) -> None:
        """Make the set, or continue an interrupted run.

        Args:
            recipe: with the seed.
            device: on which the set is made.
            work: loads the run's data.
            report: receives the number of finished iterations. At these moments the run can continue from its folder.
        """
        with self.locked():
            make(work(Run(recipe, self, device, self.recipe.exists())), False, Reporting(report))

    def refuse_other_settings(self, recipe: Resolved, parse: Callable[[Mapping[str, Any], str], Resolved]) -> None:
        """Raise UsageError if the folder's run has other settings than the recipe.

        The folder's name has a digest of the settings, but a user may have resumed the run with changed ones.
        """
        if not self.recipe.exists():
            return
        own, changes = resumed(self, (), parse)
        if changes or _settings_of_set(own) != _settings_of_set(recipe):
            raise UsageError(
                f"folder '{self.path}': its run was resumed with other settings than the recipe's; move the folder, or "
                "put these settings into the recipe"
            )


def damaged_sets(
    expected: Iterable[tuple[SetFolder, Resolved, str]],
    parse: Callable[[Mapping[str, Any], str], Resolved],
    read: Callable[[Path], SyntheticSet | GraphSet],
    meter: Meter,
) -> dict[Path, str]:
    """The files of finished sets that cannot be read, each with a line that says that the set is left out.

    If the run of an unreadable set is not finished, the file is removed, so that the set is made again; a line says so.

    Args:
        expected: for each set of the comparison the folder, the recipe, and the digest of the data found here.
        parse: parses a recipe of this kind.
        read: reads a set of this kind.
        meter: progress.

    Raises:
        UsageError: a run has other settings than the recipe.
        DataError: a set was made with other data than found here.
    """
    damaged: dict[Path, str] = {}
    for folder, recipe, digest in expected:
        folder.refuse_other_settings(recipe, parse)
        if not folder.set.exists():
            continue
        try:
            found = read(folder.set).facts.data_digest
        except DataError as error:
            if folder.finished:
                damaged[folder.set] = f"left out: {error}"
            else:
                folder.set.unlink()
            meter.say(damaged.get(folder.set, f"made again: {error}"))
            continue
        if found != digest:
            raise DataError(
                f"set '{folder.set}': was made with other data (digest {found[:8]}) than found here ({digest[:8]}); "
                "choose another --out"
            )
    return damaged


def _settings_of_set(recipe: ResolvedRecipe) -> dict[str, Any]:
    """ "section.key" -> value of the settings that affect the set and differ from their defaults.

    Defaults are left out, so that the digest stays the same if a later version adds a setting.
    """
    changed = changed_settings(recipe).items()
    return {key: value for key, value in changed if not key.startswith("evaluate.") and key != "data.flips_keep_label"}
