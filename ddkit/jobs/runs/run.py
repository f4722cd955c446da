"""One run of a recipe in its folder."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import torch

from ddkit.errors import DataError, UsageError
from ddkit.jobs.recipes import ResolvedRecipe, to_toml
from ddkit.loggers import NO_LOG, RunLog
from ddkit.ranks import ALONE, Ranks
from ddkit.run import Change, RunFolder, SecondsFiles, write_json

RecipeT = TypeVar("RecipeT", bound=ResolvedRecipe, covariant=True)
"""The recipes of a kind."""


@dataclass(frozen=True)
class Run(Generic[RecipeT]):
    """A resolved recipe and its folder, which the leader has locked.

    Attributes:
        recipe: all settings.
        folder: all files of the run.
        device: of the computations.
        resume: whether the run continues from the files of the folder.
        changes: settings of the method that were changed since the run began.
        ranks: the processes that make the set together. Only the leader, rank 0, locks and writes the folder.
        log: shows metrics, scores and the gallery while the run is made.
        accepted: called when the run is accepted, so that other code may write to the folder too.
    """

    recipe: RecipeT
    folder: RunFolder
    device: torch.device
    resume: bool
    changes: tuple[Change, ...] = ()
    ranks: Ranks = ALONE
    log: RunLog = NO_LOG
    accepted: Callable[[], None] = lambda: None

    def note(self, experts: str) -> None:
        """Write the recipe, its changes and the digest of the experts, so that the run can be resumed."""
        folder = self.folder
        folder.write_text(folder.recipe, to_toml(self.recipe))
        if self.changes:
            write_json(folder.changes, [dataclasses.asdict(change) for change in self.changes], indent=2)
        if experts:
            folder.write_text(folder.experts, experts + "\n")
        self.accepted()

    def forget(self) -> None:
        """Remove the files that `note` wrote, and the messages, if the run is new and has no checkpoint."""
        if not self.resume and not self.folder.checkpoint.exists():
            spent = SecondsFiles(self.folder.path).spent
            for file in (self.folder.recipe, self.folder.experts, self.folder.messages, spent):
                file.unlink(missing_ok=True)

    def refuse_other_experts(self, digest: str) -> None:
        """Raise DataError if the run began with other experts."""
        if began_with := self.folder.read_experts():
            self.refuse_other("experts", began_with, digest)

    def refuse_other(self, what: str, began_with: str, now: str) -> None:
        """Raise DataError if two digests of data or experts differ: that of the run's beginning and that of now."""
        if began_with != now:
            raise DataError(
                f"folder '{self.folder.path}': its run began with other {what} (digest {began_with[:8]}) than found "
                f"here ({now[:8]}); restore them, or begin a new run"
            )


def refuse_used(folder: RunFolder) -> None:
    """Raise UsageError if the folder already holds a run."""
    if folder.recipe.exists():
        raise UsageError(
            f"folder '{folder.path}': already holds a run; add --resume to continue it, or choose another --out"
        )


def refuse_empty(folder: RunFolder) -> None:
    """Raise UsageError if the folder holds no run."""
    if not folder.recipe.exists():
        raise UsageError(f"folder '{folder.path}': holds no run to resume; leave --resume out to begin one")


def begun_recipe(folder: str | Path | None) -> Path | None:
    """The recipe of the run in a folder; None if there is no run."""
    file = None if folder is None else RunFolder(Path(folder)).recipe
    return file if file is not None and file.exists() else None
