"""The kind `images`: its recipes, runs, plans, tables and comparisons."""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import torch

from ddkit.evaluation import RIVALS, Evaluation, refuse_missing_teachers
from ddkit.jobs.comparison.images import compare_images
from ddkit.jobs.comparison.lines import Comparison
from ddkit.jobs.data.loading import load_task, report_data, report_net
from ddkit.jobs.flips.guard import guard_flips
from ddkit.jobs.machine.device import pick_device
from ddkit.jobs.machine.threads import fitting_threads
from ddkit.jobs.planning.images import plan_images
from ddkit.jobs.planning.long_work import announce_long_work
from ddkit.jobs.planning.stages import Plan
from ddkit.jobs.recipes import Recipe
from ddkit.jobs.recipes.fitted import fit_to_data
from ddkit.jobs.recipes.folders import image_folder
from ddkit.jobs.recipes.request import Comparing, Judging, Request
from ddkit.jobs.recipes.resolve import parse_images, resolve
from ddkit.jobs.runs.images import ImageWork
from ddkit.jobs.runs.resume import resumed
from ddkit.jobs.runs.run import Run
from ddkit.jobs.sets.given import lines_on_given
from ddkit.jobs.sets.pixels import raw_images
from ddkit.jobs.sets.publish_images import publish_images
from ddkit.jobs.tables.images import image_tables
from ddkit.run import Change, Meter, RunFolder
from ddkit.steps import prepare_step
from ddkit.synth import SyntheticSet, export, formation_suffix, packed_rival


class Images:
    """The kind of methods and sets of images; see `Kind`."""

    name: ClassVar[str] = "images"

    def resolve(self, request: Request) -> tuple[Recipe, str]:
        return resolve(**vars(request))

    def resume(self, folder: RunFolder, request: Request) -> tuple[Recipe, list[Change]]:
        return resumed(folder, request.assignments, parse_images)

    def device(self, name: str) -> torch.device:
        return pick_device(name)

    def default_folder(self, recipe: Recipe) -> Path:
        return image_folder(recipe)

    def begin(self, run: Run[Recipe], request: Request, origin: str, evaluate: bool, meter: Meter) -> ImageWork:
        recipe = run.recipe
        if evaluate:
            refuse_missing_teachers(recipe.evaluate.labels, recipe.has_teachers)
        prepare_step(recipe.net, run.device)
        task = load_task(recipe.data, recipe.net, run.device, meter)
        recipe.method.refuse_data(task.real)
        guard_flips(recipe, task, meter, () if evaluate else ("augment",))
        report_data(task, meter)
        report_net(task.net, meter)
        meter.say(origin)
        if not run.resume:
            recipe, line = fit_to_data(recipe, request, task.real.data)
            task = task.under(recipe.net)
            for said in (*[line] * bool(line), *lines_on_given(recipe, task)):
                meter.say(said)
        if run.ranks.count > 1:
            recipe.method.refuse_ranks(run.ranks.count, task.net)
        with fitting_threads(task.net.shape):
            announce_long_work(recipe, task, evaluate, meter)
        return ImageWork(dataclasses.replace(run, recipe=recipe), task)

    def plan(self, request: Request, device: torch.device, probe_seconds: float | None, meter: Meter) -> Plan:
        return plan_images(request, device, probe_seconds, meter)

    def header_rows(self, recipe: Recipe) -> Mapping[str, str]:
        method = recipe.method
        packed = {name + formation_suffix(method.packing): packed_rival(name, method.packing) for name in RIVALS}
        return {name: name for name in (method.title, *RIVALS)} | packed | {"whole": "whole"}

    def tables(self, source: SyntheticSet | str | Path, judging: Judging, meter: Meter) -> Iterator[Evaluation]:
        return image_tables(source, judging, meter)

    def compare(self, comparing: Comparing, meter: Meter) -> Comparison:
        return compare_images(comparing, meter)

    def export(self, made: SyntheticSet, form: str, path: Path, data: str | None, meter: Meter) -> Path:
        raw = made.images if form == "h5" else raw_images(made, data)  # HDF5 files of sets hold no pixels
        written = export(made, raw, form, path, meter=meter)
        if form in ("npz", "pt") and made.facts.temperature is not None:
            meter.say(
                f"soft_label holds logits, to be learned at temperature {made.facts.temperature:g}; "
                "probability holds the probabilities that a cross entropy needs"
            )
        return written

    def publish(self, made: SyntheticSet, folder: Path, repo: str, data: str | None, meter: Meter) -> tuple[str, ...]:
        return publish_images(made, raw_images(made, data), folder, repo, meter)
