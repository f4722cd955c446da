"""One run of a method for images."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ddkit.experts import Experts
from ddkit.jobs.machine.threads import fitting_threads
from ddkit.jobs.planning.long_work import AnnouncingMeter
from ddkit.jobs.recipes import Recipe
from ddkit.jobs.reports import run_page
from ddkit.jobs.runs.run import Run
from ddkit.jobs.sets.given import given_images
from ddkit.jobs.tables.image_scoring import HonestScoring
from ddkit.methods import Context, GivenImages, Method, image_method
from ddkit.report import Page, curve, gallery
from ddkit.run import Meter
from ddkit.synth import SyntheticSet, read_set, write_set
from ddkit.task import Task


@dataclass(frozen=True)
class ImageWork:
    """A run and its task, which is the real data, the network and the augmentation."""

    run: Run[Recipe]
    task: Task

    @property
    def recipe(self) -> Recipe:
        return self.run.recipe

    @cached_property
    def given(self) -> GivenImages | None:
        """The images of the set that the run begins from; None if the recipe names no set."""
        return given_images(self.recipe, self.task)

    def refuse_other_data(self) -> None:
        folder, real = self.run.folder, self.task.real
        earlier = folder.initial if folder.checkpoint.exists() else folder.set
        if earlier.exists():
            facts = read_set(earlier).facts
            self.run.refuse_other("data", facts.data_digest, real.data.digest)
            self.run.refuse_other("preprocessing", facts.preprocess_digest, real.preprocess.digest)

    @contextmanager
    def experts(self, meter: Meter) -> Iterator[tuple[Experts, str]]:
        with fitting_threads(self.task.net.shape), self.recipe.source(self.task).obtain(meter) as found:
            yield found, found.digest

    def method(self, experts: Experts) -> Method[SyntheticSet]:
        context = Context(
            self.task, self.recipe.seed, experts.trajectories, experts.teachers, self.run.ranks, self.given
        )
        return image_method(self.recipe.method.name)(self.recipe.method, context)

    def state_digest(self, experts: str) -> str:
        method, task = self.recipe.method, self.task
        parts: tuple[object, ...] = (task.real.data.digest, task.net.spec, method.name, method.ipc, method.uses_fyi)
        parts += (f"formation {method.packing}",) * (method.packing > 1)
        given = () if self.given is None else (self.given.digest,)
        return hashlib.sha256(repr((*parts, self.recipe.seed, experts, *given)).encode()).hexdigest()

    def lineage(self, experts: str) -> dict[str, object]:
        real = self.task.real
        return {
            "data": real.data.digest,
            "training_data": real.data.training_digest,
            "prepared": real.digest,
            "buffer": experts,
            **({} if self.given is None else {"initial_set": self.given.digest}),
        }

    def iteration_meter(self, meter: Meter) -> Meter:
        return AnnouncingMeter(meter, "the condensation", self.recipe.method.shorter)

    def write(self, made: SyntheticSet, file: Path) -> None:
        write_set(made, file)

    def draw(self, made: SyntheticSet, meter: Meter) -> None:
        """Draw the gallery in pixels, and the curves of the metrics if the method is iterative."""
        folder, facts = self.run.folder, made.facts
        rows = folder.read_metrics()
        _report_result(made, rows, meter)
        title = (
            f"{facts.method} on {facts.dataset}, {facts.images_a_class} image{'' if facts.ipc == 1 else 's'} a class"
        ) + (f", packed {facts.formation}x{facts.formation}" if facts.formation else "")
        preprocess = self.task.real.preprocess.to("cpu")
        final = preprocess.inverse(made.images)
        initial = preprocess.inverse(read_set(folder.initial).images) if folder.initial.exists() else None
        gallery(initial, final, made.labels, facts.classes, title, folder.gallery)
        if len(rows) > 1:
            curve(rows, title, folder.curve)

    def report(self) -> Page:
        inverse = self.task.real.preprocess.to("cpu").inverse
        return run_page(self.run.folder, lambda _: inverse)

    def scoring(self, made: SyntheticSet, experts: Experts) -> HonestScoring:
        recipe = self.recipe
        return HonestScoring(
            task=self.task, settings=recipe.evaluate, seed=recipe.seed, teachers=experts.teachers, synthetic=made
        )


def _report_result(made: SyntheticSet, rows: list[dict[str, Any]], meter: Meter) -> None:
    """Report the compact form of the set, the gradient's precision, and how many iterations were skipped.

    `rows` are the metrics of the iterations.
    """
    if made.compact is not None:
        meter.say(f"compact set: {made.compact.summary(max(made.facts.each))}")
    if rows and "gradient_cosine" in rows[0]:
        meter.say(f"gradient cosine to float32, at the first iteration: {rows[0]['gradient_cosine']:.4f}")
    if skipped := sum(row.get("skipped", 0) for row in rows):
        unchanged = "; the set equals the initial one: raise it" if skipped == len(rows) else ""
        meter.say(
            f"{skipped:.0f} of {len(rows)} iterations changed nothing, their loss is above method.threshold{unchanged}"
        )
