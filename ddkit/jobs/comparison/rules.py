"""The rules of one part of a comparison: equal training of all its sets and rivals, and the files of its scores."""

import dataclasses
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ddkit.evaluation import LR_GRIDS, Labels, Table, TableRow, evaluation_dsa, resolved_flips, temperature_of
from ddkit.experts import Ensemble
from ddkit.jobs.comparison.candidate import Candidate
from ddkit.jobs.recipes import Recipe
from ddkit.jobs.tables.kept_rows import KeptRows
from ddkit.task import Task


@dataclass(frozen=True)
class Rules:
    """How a group's networks are trained and judged, and the files that keep their scores.

    Attributes:
        table: what all rows share; its augmentation follows from the policy of flips.
        same_labels: whether random real images stand there a second time, with labels by the sets' teachers.
    """

    table: Table
    same_labels: bool

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
        first, terms = candidates[0].recipes[0], label_terms(candidates)
        dsa = evaluation_dsa(flip_policy(candidates, flips), task.dsa, False)
        both = dsa.flip_share == 0.5 and any(candidate.recipes[0].method.uses_fyi for candidate in candidates)
        teachers = teachers and teachers.under(first.evaluate.teacher_bn).of_both_orientations(both)
        rules = Labels(labels or first.evaluate.labels, teachers, *terms[0])
        labelled = any(candidate.recipes[0].method.teacher_labels for candidate in candidates)
        return Rules(
            Table(task.with_augmentation(dsa), first.evaluate, first.method.ipc, rules, on),
            same_labels=rules.policy == "auto" and labelled and teachers is not None and len(terms) == 1,
        )

    @property
    def task(self) -> Task:
        """Data, network, and the augmentation of the networks' training."""
        return self.table.task

    @property
    def labels(self) -> str:
        """The policy of labels."""
        return self.table.labels.policy

    def rows(self) -> list[TableRow]:
        """All rows beside the sets'. The whole data has classes only."""
        whole = self.table.settings.whole and self.labels in ("auto", "hard")
        return self.table.rows([], True, self.same_labels, whole)

    def kept(self, folder: Path) -> KeptRows:
        """The group's scores in a folder."""
        return KeptRows.at(folder, self.task.device, self._shared)

    def row_key(self, recipe: Recipe, what: str, labels: str | None = None) -> str:
        """A text of what a row's score depends on, beside what all rows share.

        Settings that have their default are no part of it, so a setting that a later version adds leaves it as it is.
        """
        policy, teachers = labels or self.labels, self.table.labels.teachers
        taught = "" if teachers is None or policy in ("auto", "hard") else " ".join(teachers.names)
        own = {"set": what, "seed": recipe.seed, "evaluate": self._judged, "labels": policy, "teachers": taught}
        return json.dumps(own, sort_keys=True)

    @cached_property
    def _judged(self) -> dict[str, Any]:
        """The settings that differ from their defaults, but for flips and labels, which are in the digest anyway."""
        settings = self.table.settings.of_a_row
        named = {f.name: (getattr(settings, f.name), f.default) for f in dataclasses.fields(settings)}
        return {
            name: value
            for name, (value, default) in named.items()
            if value != default and name not in ("flips", "labels")
        }

    @cached_property
    def _shared(self) -> dict[str, Any]:
        """The part of the digest that all scores of the group share."""
        temperature, top_k = self.table.labels.temperature, self.table.labels.top_k
        shared = {
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

    It is `policy` if given, else the recipes' own. If one recipe's own policy is "always", it holds for all.
    """
    recipes = [candidate.recipes[0] for candidate in candidates]
    if policy is not None:
        return resolved_flips(policy, any(recipe.method.expects_flips for recipe in recipes))
    own = {resolved_flips(recipe.evaluate.flips, recipe.method.expects_flips) for recipe in recipes}
    return "always" if "always" in own else "augment"


def label_terms(candidates: list[Candidate]) -> list[tuple[float, int | None]]:
    """The distinct (temperature, number of kept logits) of the teachers' labels in a group; else the default pair."""
    setting = candidates[0].recipes[0].evaluate.temperature
    own = [labels for candidate in candidates if (labels := candidate.recipes[0].method.teacher_labels) is not None]
    found = dict.fromkeys((temperature_of(setting, temperature), top_k) for temperature, top_k in own)
    return list(found) or [(temperature_of(setting, None), None)]
