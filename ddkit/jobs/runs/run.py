"""One run of a recipe in its folder."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import torch

from ddkit.errors import DataError, UsageError
from ddkit.jobs.recipes import ResolvedRecipe, to_toml
from ddkit.run import Change, RunFolder, write_json


@dataclass(frozen=True)
class Run:
    """A resolved recipe in a folder that this process holds.

    Attributes:
        recipe: all settings.
        folder: where everything about the run is written.
        device: where it runs.
        resume: whether it goes on with work that is in the folder.
        changes: settings of the method that were changed since the run began.
    """

    recipe: ResolvedRecipe
    folder: RunFolder
    device: torch.device
    resume: bool
    changes: tuple[Change, ...] = ()

    def note(self, experts: str) -> None:
        """Write the recipe, its changes and the digest of the experts; --resume then goes on with the run."""
        folder = self.folder
        folder.write_text(folder.recipe, to_toml(self.recipe))
        if self.changes:
            write_json(folder.changes, [dataclasses.asdict(change) for change in self.changes], indent=2)
        if experts:
            folder.write_text(folder.experts, experts + "\n")

    def forget(self) -> None:
        """Remove the notes of a new run that was refused before its first iteration."""
        if not self.resume and not self.folder.checkpoint.exists():
            for file in (self.folder.recipe, self.folder.experts):
                file.unlink(missing_ok=True)

    def refuse_other_experts(self, digest: str) -> None:
        """Raise DataError if the run began with other experts."""
        if (theirs := self.folder.read_experts()) and theirs != digest:
            raise DataError(
                f"folder '{self.folder.path}': its run began with other experts (digest {theirs[:8]}) than found here "
                f"({digest[:8]}); bring those back, or begin a new run"
            )

    def refuse_other(self, what: str, began: str, now: str) -> None:
        """Raise DataError if the digests of what the run began with and of what is here differ."""
        if began != now:
            raise DataError(
                f"folder '{self.folder.path}': its run began with other {what} (digest {began[:8]}) than found here "
                f"({now[:8]}); bring that back, or begin a new run"
            )


def refuse_used(folder: RunFolder) -> None:
    """Raise UsageError if the folder already holds a run."""
    if folder.recipe.exists():
        raise UsageError(
            f"folder '{folder.path}': already holds a run; add --resume to go on with it, or choose another --out"
        )


def refuse_empty(folder: RunFolder) -> None:
    """Raise UsageError if there is no run to go on with."""
    if not folder.recipe.exists():
        raise UsageError(f"folder '{folder.path}': holds no run to resume; leave --resume out to begin one")


def begun_recipe(folder: str | Path | None) -> Path | None:
    """The recipe of the run in a folder; None if there is no run."""
    file = None if folder is None else RunFolder(Path(folder)).recipe
    return file if file is not None and file.exists() else None
