"""The rules that a group of a comparison is judged under, one for all sets and rivals, and what names their scores."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ddkit.evaluation import (
    LR_GRIDS,
    EvaluateSettings,
    Row,
    called,
    evaluation_dsa,
    resolved_flips,
    rival_row,
    set_row,
    temperature_of,
)
from ddkit.experts import Ensemble
from ddkit.jobs.entry import Entry
from ddkit.jobs.recipes import Recipe
from ddkit.synth import read_set
from ddkit.task import Task


@dataclass(frozen=True)
class Rules:
    """Under what a group's networks are trained and judged.

    Attributes:
        task: data, network, and the augmentation that follows from the policy of flips.
        settings: how networks are trained.
        ipc: of all sets, and so of the rivals.
        on: the part that is judged on.
        labels: one of LABEL_POLICIES.
        teachers: who name real images; None where there are none, or several kinds.
        terms: (temperature, logits kept) of the teachers' labels in the group, each once; the first is the rivals'.
        labelled: whether a set of the group brings labels by teachers.
    """

    task: Task
    settings: EvaluateSettings
    ipc: int
    on: str
    labels: str
    teachers: Ensemble | None
    terms: list[tuple[float, int | None]]
    labelled: bool

    @staticmethod
    def of(
        entries: list[Entry], task: Task, on: str, flips: str | None, labels: str | None, teachers: Ensemble | None
    ) -> "Rules":
        """Those of a group, all of whose recipes have equal data, network, evaluation and ipc; under the recipes' own
        policies of flips and labels where none is given."""
        first = entries[0].recipes[0]
        dsa = evaluation_dsa(flip_policy(entries, flips), task.dsa, False)
        both = dsa.flip_share == 0.5 and any(entry.recipes[0].method.wears_fyi for entry in entries)
        return Rules(
            task=task.with_augmentation(dsa),
            settings=first.evaluate,
            ipc=first.method.ipc,
            on=on,
            labels=labels or first.evaluate.labels,
            teachers=teachers and teachers.under(first.evaluate.teacher_bn).of_both_orientations(both),
            terms=label_terms(entries),
            labelled=any(entry.recipes[0].method.teacher_labels for entry in entries),
        )

    @property
    def same_labels(self) -> bool:
        """Whether random real images stand there a second time, with teachers' labels as the sets'."""
        return self.labels == "auto" and self.labelled and self.teachers is not None and len(self.terms) == 1

    def of_file(self, file: Path) -> Row:
        """A set's row."""
        synthetic = read_set(file)
        temperature, top_k = self.terms[0]
        temperature = temperature_of(self.settings.temperature, synthetic.facts.temperature or temperature)
        row = set_row(synthetic, self.task.real, self.settings.nets)
        return called(row, self.labels, synthetic.labels, self.teachers, temperature, top_k)

    def of_rival(self, name: str, seed: int, labels: str | None = None) -> Row:
        """A rival's row, under another policy of labels if one is given."""
        temperature, top_k = self.terms[0]
        row = rival_row(name, self.task.real, self.ipc, self.settings.nets, seed)
        return called(row, labels or self.labels, None, self.teachers, temperature, top_k)

    def score_name(self, recipe: Recipe, what: str, labels: str | None = None) -> str:
        """The name of the file that keeps a score: a digest of all that the score depends on.

        Defaults are no part of it: a setting that a later version adds leaves the scores of today where they are. Who
        changes a default raises `format`.
        """
        policy = labels or self.labels
        taught = "" if self.teachers is None or policy in ("auto", "hard") else " ".join(self.teachers.names)
        own = {"set": what, "seed": recipe.seed, "evaluate": self._judged, "labels": policy, "teachers": taught}
        if policy == "dynamic":
            own["takes"] = "all rates see the same batches"  # as they did not, once
        return hashlib.sha256(json.dumps(self._shared | own, sort_keys=True).encode()).hexdigest()[:16]

    @cached_property
    def _judged(self) -> dict[str, Any]:
        """What differs from the defaults; flips and labels stand in the name for themselves."""
        settings = self.settings.of_a_row
        named = {f.name: (getattr(settings, f.name), f.default) for f in dataclasses.fields(settings)}
        return {
            name: value
            for name, (value, default) in named.items()
            if value != default and name not in ("flips", "labels")
        }

    @cached_property
    def _shared(self) -> dict[str, Any]:
        """What all of the group's scores depend on."""
        temperature, top_k = self.terms[0]
        shared = {
            "format": 2,
            "lr": LR_GRIDS[self.settings.optimiser],
            "data": self.task.real.digest,
            "net": self.task.net.spec,
            "augment": self.task.dsa.strategy,
            "on": self.on,
            "temperature": temperature,
        }
        return shared if top_k is None else shared | {"top_k": top_k}


def flip_policy(entries: list[Entry], asked: str | None) -> str:
    """The policy of flips that a group is trained under, "augment" or "always": as asked for, or by its recipes; one
    that by itself is always mirrored decides for all."""
    recipes = [entry.recipes[0] for entry in entries]
    if asked is not None:
        return resolved_flips(asked, any(recipe.method.expects_flips for recipe in recipes))
    own = {resolved_flips(recipe.evaluate.flips, recipe.method.expects_flips) for recipe in recipes}
    return "always" if "always" in own else "augment"


def label_terms(entries: list[Entry]) -> list[tuple[float, int | None]]:
    """(temperature, logits kept) of the teachers' labels in a group, each kind once; without any, the defaults."""
    asked = entries[0].recipes[0].evaluate.temperature
    own = [labels for entry in entries if (labels := entry.recipes[0].method.teacher_labels) is not None]
    found = dict.fromkeys((temperature_of(asked, temperature), top_k) for temperature, top_k in own)
    return list(found) or [(temperature_of(asked, None), None)]
