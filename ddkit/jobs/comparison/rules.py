"""The training that all sets and rivals of one part of a comparison share, and the keys of their scores."""

import dataclasses
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ddkit.evaluation import BY_TEACHERS, LR_GRIDS, Table, TableRow, evaluation_dsa, label_terms, resolved_flips
from ddkit.experts import Ensemble
from ddkit.jobs.comparison.candidate import Candidate
from ddkit.jobs.recipes import Recipe
from ddkit.jobs.tables.kept_rows import KeptRows
from ddkit.synth import LabelTerms
from ddkit.task import Task


@dataclass(frozen=True)
class Rules:
    """The training and scoring of a group's networks, and the keys of the stored scores.

    Attributes:
        table: all that the rows share. Its settings have the group's policies of flips and labels.
    """

    table: Table

    @staticmethod
    def of(
        candidates: list[Candidate],
        task: Task,
        on: str,
        flips: str | None,
        labels: str | None,
        teachers: Ensemble | None,
    ) -> "Rules":
        """The rules of a group of recipes with equal data, network, evaluation and ipc.

        `flips` and `labels` are policies; None means the recipes' own.
        """
        first, methods = candidates[0].recipes[0], [candidate.recipes[0].method for candidate in candidates]
        policy = flip_policy(candidates, flips)
        settings = dataclasses.replace(first.evaluate, flips=policy, labels=labels or first.evaluate.labels)
        mirrored = evaluation_dsa(policy, task.dsa, False).flip_share == 0.5
        return Rules(
            Table.of(
                task,
                settings,
                first.method.counts(task.real),
                labels=[method.teacher_labels for method in methods],
                teachers=teachers,
                flips=False,  # the policy is resolved already
                both_orientations=mirrored and any(method.uses_fyi for method in methods),
                on=on,
                formations=[method.packing for method in methods],
            )
        )

    @property
    def task(self) -> Task:
        """Data, network, and the augmentation of the networks' training."""
        return self.table.task

    @property
    def plain(self) -> "Rules":
        """The same rules without augmentation."""
        return Rules(self.table.plain)

    @property
    def labels(self) -> str:
        """The policy of labels."""
        return self.table.labels.policy

    def rows(self) -> list[TableRow]:
        """The rows of rivals, and the whole data if its labels are classes."""
        whole = self.table.settings.whole and self.labels not in BY_TEACHERS
        return self.table.rows([], rivals=True, whole=whole)

    def kept(self, folder: Path) -> KeptRows:
        """The group's scores in a folder."""
        return KeptRows.at(folder, self.task.device, self._shared)

    def row_key(self, recipe: Recipe, what: str, labels: str | None = None) -> str:
        """A text of all that a row's score depends on, besides what all rows share.

        It leaves out settings with their default value. So keys stay the same if a later version adds a setting.

        Args:
            recipe: of the set, or of the seed that the rival has.
            what: the set or the rival.
            labels: replaces the group's policy of labels.
        """
        policy, teachers = labels or self.labels, self.table.labels.teachers
        taught = "" if teachers is None or policy not in BY_TEACHERS else " ".join(teachers.names)
        own = {"set": what, "seed": recipe.seed, "evaluate": self._judged, "labels": policy, "teachers": taught}
        return json.dumps(own, sort_keys=True)

    @cached_property
    def _judged(self) -> dict[str, object]:
        """The settings that differ from their defaults, without flips and labels, which the key has anyway."""
        settings = self.table.settings.of_a_row
        named = {f.name: (getattr(settings, f.name), f.default) for f in dataclasses.fields(settings)}
        return {
            name: value
            for name, (value, default) in named.items()
            if value != default and name not in ("flips", "labels")
        }

    @cached_property
    def _shared(self) -> dict[str, object]:
        """What all scores of the group depend on."""
        temperature, top_k = self.table.labels.temperature, self.table.labels.top_k
        shared: dict[str, object] = {
            "lr": LR_GRIDS[self.table.settings.optimiser],
            "data": self.task.real.digest,
            "net": self.task.net.spec,
            "augment": self.task.dsa.strategy,
            "on": self.table.on,
            "temperature": temperature,
        }
        return shared if top_k is None else shared | {"top_k": top_k}


def flip_policy(candidates: list[Candidate], policy: str | None) -> str:
    """The policy of flips of a group, "augment" or "always".

    `policy` decides if it is given. Otherwise the policy is "always" if that is the policy of one recipe.
    """
    recipes = [candidate.recipes[0] for candidate in candidates]
    if policy is not None:
        return resolved_flips(policy, any(recipe.method.expects_flips for recipe in recipes))
    own = {resolved_flips(recipe.evaluate.flips, recipe.method.expects_flips) for recipe in recipes}
    return "always" if "always" in own else "augment"


def group_terms(candidates: list[Candidate]) -> list[LabelTerms]:
    """The different forms of the teachers' labels in a group; see `ddkit.evaluation.label_terms`."""
    recipes = [candidate.recipes[0] for candidate in candidates]
    return label_terms(recipes[0].evaluate.temperature, [recipe.method.teacher_labels for recipe in recipes])
