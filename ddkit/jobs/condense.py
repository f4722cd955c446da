"""The main job: condense a dataset, evaluate the set, draw it."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ddkit.arguments import checked
from ddkit.data import refuse_small_classes
from ddkit.errors import DataError, DDKitError, UsageError
from ddkit.evaluation import Evaluation, evaluate_honestly, evaluation_dsa
from ddkit.experts import Ensemble, Trajectories
from ddkit.jobs.borrowed import for_this_data
from ddkit.jobs.device import pick_device
from ddkit.jobs.environment import environment
from ddkit.jobs.experience import experts_of
from ddkit.jobs.flip_guard import guard_flips
from ddkit.jobs.forewarning import Foreseeing, say_what_is_long, shorter_condensation
from ddkit.jobs.kept_rows import KeptRows
from ddkit.jobs.lay_out import lay_out, say_data
from ddkit.jobs.recipes import Recipe, to_toml
from ddkit.jobs.resolve import flag_overrides, lent_by, resolve
from ddkit.jobs.resume import refuse_empty, resumed
from ddkit.jobs.threads import fitting_threads
from ddkit.methods import Context, IterativeMethod, Method, OneShotMethod, image_method
from ddkit.report import curve, gallery
from ddkit.run import SNAPSHOTS, Change, Meter, RunFolder, SilentMeter, drive, write_json
from ddkit.synth import Record, SyntheticSet, read_set, write_set
from ddkit.task import Task


@dataclass(frozen=True)
class Condensed:
    """A finished run: its folder, its set, and the table (None if it was not asked for)."""

    folder: Path
    set: SyntheticSet
    evaluation: Evaluation | None


@checked
def condense(
    method: str | None = None,
    *,
    data: str | None = None,
    ipc: int | None = None,
    fyi: bool = False,
    recipe: str | Path | None = None,
    overrides: tuple[str, ...] = (),
    seed: int | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    device: str = "auto",
    evaluate: bool = True,
    meter: Meter | None = None,
) -> Condensed:
    """Condense a dataset into `ipc` images a class, in a run folder that holds everything about it.

    Args:
        method: a method's name; default "ftd".
        data: a dataset (see `ddkit.data.load_images`); default the recipe's, digits.
        ipc: images per class.
        fyi: FYI: images enter the distillation with their mirror images; for every method that learns images.
        recipe: a shipped recipe's name or a TOML file; default the one shipped for (method, data, ipc).
        overrides: "section.key=value" texts; they win over everything.
        seed: seed of initial images, batches, augmentation and evaluation (experts have their own: experts.seed).
        out: the run folder; default runs/METHOD-DATA-ipcN-seedS.
        resume: go on from the folder's last checkpoint, under the folder's own recipe. Flags and `overrides` may then
            change settings of the method (but not its ipc or initial images) and of the evaluation.
        device: "auto", "cpu", "cuda", "cuda:1", ...
        evaluate: train networks on the set and on its rivals afterwards, and keep the table in the set.
        meter: progress; default silent.

    Example:
        >>> result = condense("ftd", ipc=10)          # digits
        >>> result.set.images.shape
        torch.Size([100, 1, 8, 8])

    Raises:
        UsageError: settings that cannot be obeyed, or a folder that already holds a run.
        DataError: data, buffer or checkpoint missing or damaged; a full disk.
        NumericalError: the matching loss exploded; the folder keeps the last good checkpoint.
    """
    meter = meter or SilentMeter()
    ask = partial(resolve, recipe=recipe, method=method, data=data, ipc=ipc, seed=seed, fyi=fyi, overrides=overrides)
    resolved, origin = (None, "") if resume else ask()
    folder = RunFolder(Path(out) if out is not None else default_folder(resolved or ask()[0]))
    if resume:
        refuse_empty(folder)
    with folder.locked():
        changes: list[Change] = []
        if resolved is None:
            resolved, changes = resumed(folder, flag_overrides(method, data, ipc, seed, fyi) + overrides)
            origin = f"recipe {folder.recipe}"
        else:
            _refuse_used(folder)
        where = pick_device(device)
        task = lay_out(resolved.data, resolved.net, where, meter)
        refuse_small_classes(task.real.train.labels, resolved.method.ipc)
        guard_flips(resolved, task, meter, () if evaluate else ("augment",))
        say_data(task, meter)
        meter.say(origin)
        if not resume:
            lender = lent_by(method, data, ipc) if recipe is None else None
            resolved, line = for_this_data(resolved, recipe, lender, task.real.data, overrides)
            task = task.under(resolved.net)
            if line:
                meter.say(line)
        with fitting_threads(task.net.shape):
            say_what_is_long(resolved, task, evaluate, meter)
        return condense_on(task, Run(resolved, folder, where, resume, tuple(changes)), evaluate, meter)


@dataclass(frozen=True)
class Run:
    """A resolved recipe in a folder that is locked; `changes` of its settings were made on the way."""

    recipe: Recipe
    folder: RunFolder
    device: torch.device
    resume: bool
    changes: tuple[Change, ...] = ()

    def note(self, experts: str) -> None:
        """Write down what the run is, experts by their digest: from here on --resume goes on with it."""
        folder = self.folder
        folder.write_text(folder.recipe, to_toml(self.recipe))
        if self.changes:
            told = [dataclasses.asdict(change) for change in self.changes]
            write_json(folder.changes, told, indent=2)
        if experts:
            folder.write_text(folder.experts, experts + "\n")


def condense_on(task: Task, run: Run, evaluate: bool, meter: Meter) -> Condensed:
    """`condense` of a run on a task that is laid out.

    A run that goes on is held against all that its folder says before anything is written there. One that is refused
    before its first iteration leaves nothing.
    """
    folder = run.folder
    if run.resume:
        _hold_data(folder, task)
    else:
        run.note("")  # a kill while the experts are trained loses none of them
    try:
        with fitting_threads(task.net.shape), experts_of(run.recipe, task, meter) as (experts, digest):
            _hold_experts(folder, digest)
            return _make(task, run, experts, digest, evaluate, meter)
    except DDKitError:
        if not run.resume and not folder.checkpoint.exists():
            for file in (folder.recipe, folder.experts):
                file.unlink(missing_ok=True)
        raise


def _make(
    task: Task, run: Run, experts: Trajectories | Ensemble | None, digest: str, evaluate: bool, meter: Meter
) -> Condensed:
    """Iterations, the set, its pictures and its scores."""
    recipe, folder = run.recipe, run.folder
    context = Context(
        task,
        recipe.seed,
        trajectories=experts if isinstance(experts, Trajectories) else None,
        teachers=experts if isinstance(experts, Ensemble) else None,
    )
    made: Method = image_method(recipe.method.name)(recipe.method, context)
    lineage: dict[str, Any] = {"data": task.real.data.digest, "prepared": task.real.digest, "buffer": digest}
    if run.changes:
        lineage["changes"] = [dataclasses.asdict(change) for change in run.changes]
    record = Record(
        recipe=to_toml(recipe), environment=json.dumps(environment(run.device)), lineage=json.dumps(lineage)
    )
    ahead = Foreseeing(meter, "the condensation", shorter_condensation(recipe.method))
    apart = _told_apart(recipe, task, digest)
    if isinstance(made, OneShotMethod):
        found = made.distil()
        assert isinstance(found, SyntheticSet)
        run.note(digest)
    else:
        found = _run(made, run, digest, apart, ahead)
    synthetic = dataclasses.replace(found, record=record)
    judged = task.with_augmentation(evaluation_dsa(recipe.evaluate.flips, task.dsa, recipe.method.expects_flips))
    said_by = () if context.teachers is None else context.teachers.names
    terms = ("honest", recipe.evaluate.of_a_row, recipe.seed, said_by)
    rows = KeptRows.of([synthetic], judged, *terms) if evaluate else None
    if rows is not None:
        rows.check()  # before a finished run's set, with its scores, is written over
    write_set(synthetic, folder.set)
    _say_what_happened(folder, synthetic, meter)
    _draw(folder, synthetic, task)
    if rows is None:
        return Condensed(folder.path, synthetic, None)
    with rows.in_use():
        rows.say(meter)
        evaluation = evaluate_honestly(
            synthetic, judged, recipe.evaluate, recipe.seed, meter, teachers=context.teachers, keep=rows
        )
        write_json(folder.scores, evaluation.tables(), indent=2)
        scores = json.dumps(evaluation.tables(with_seconds=False))
        synthetic = dataclasses.replace(synthetic, record=dataclasses.replace(record, scores=scores))
        write_set(synthetic, folder.set)
    rows.clear()
    return Condensed(folder.path, synthetic, evaluation)


def _hold_data(folder: RunFolder, task: Task) -> None:
    """Raise if a run would go on with other data than it began with."""
    begun = folder.initial if folder.checkpoint.exists() else folder.set
    if not begun.exists():
        return
    theirs, real = read_set(begun).facts, task.real
    for what, began, now in (
        ("data", theirs.data_digest, real.data.digest),
        ("preprocessing", theirs.preprocess_digest, real.preprocess.digest),
    ):
        if began != now:
            raise DataError(
                f"folder '{folder.path}': its run began with other {what} (digest {began[:8]}) than found here "
                f"({now[:8]}); bring that back, or begin a new run"
            )


def _hold_experts(folder: RunFolder, digest: str) -> None:
    """Raise if a run would go on with other experts than it began with."""
    if (theirs := folder.read_experts()) and theirs != digest:
        raise DataError(
            f"folder '{folder.path}': its run began with other experts (digest {theirs[:8]}) than found here "
            f"({digest[:8]}); bring those back, or begin a new run"
        )


def default_folder(recipe: Recipe) -> Path:
    """runs/METHOD-DATA-ipcN-seedS; METHOD-fyi where images enter with their mirror images."""
    data = Path(recipe.data.name.partition(":")[2] or recipe.data.name).name.removesuffix(".npz")
    method = recipe.method.name + ("-fyi" if recipe.method.wears_fyi else "")
    return Path("runs") / f"{method}-{data}-ipc{recipe.method.ipc}-seed{recipe.seed}"


def _refuse_used(folder: RunFolder) -> None:
    if folder.recipe.exists():
        raise UsageError(
            f"folder '{folder.path}': already holds a run; add --resume to go on with it, or choose another --out"
        )


def _told_apart(recipe: Recipe, task: Task, experts: str) -> str:
    """A digest of what a checkpoint's state depends on and no resumed run may change."""
    method = recipe.method
    told = (task.real.data.digest, task.net.spec, method.name, method.ipc, method.wears_fyi, recipe.seed, experts)
    return hashlib.sha256(repr(told).encode()).hexdigest()


def _run(method: IterativeMethod, run: Run, experts: str, apart: str, meter: Meter) -> SyntheticSet:
    """Iterate, keeping the initial set and the snapshots."""
    folder = run.folder
    every = max(1, min(100, method.iterations // SNAPSHOTS))
    snapshot_every = -(-max(1, method.iterations // SNAPSHOTS) // every) * every

    def keep(done: int, state: object) -> None:
        if done == 0:
            write_set(method.finish(state), folder.initial)
        elif done % snapshot_every == 0:
            write_set(method.finish(state), folder.snapshots / f"iteration-{done:06d}.h5")

    state = drive(
        method,
        folder,
        meter,
        resume=run.resume,
        run=apart,
        device=run.device,
        checkpoint_every=every,
        before_writing=partial(run.note, experts),
        on_checkpoint=keep,
    )
    return method.finish(state)


def _say_what_happened(folder: RunFolder, synthetic: SyntheticSet, meter: Meter) -> None:
    """What a reader of the score must know of the set and of the iterations."""
    if synthetic.compact is not None:
        meter.say(f"compact set: {synthetic.compact.told(synthetic.facts.ipc)}")
    rows = folder.read_metrics()
    if rows and "gradient_cosine" in rows[0]:
        meter.say(f"gradient cosine to float32, at the first iteration: {rows[0]['gradient_cosine']:.4f}")
    if skipped := sum(row.get("skipped", 0) for row in rows):
        rest = "; the set is what it began with: raise it" if skipped == len(rows) else ""
        meter.say(
            f"{skipped:.0f} of {len(rows)} iterations changed nothing, their loss is above method.threshold{rest}"
        )


def _draw(folder: RunFolder, synthetic: SyntheticSet, task: Task) -> None:
    """The gallery, back in pixels, and the curves of the metrics (one-shot methods have none)."""
    facts = synthetic.facts
    title = f"{facts.method} on {facts.dataset}, {facts.ipc} image{'s' if facts.ipc > 1 else ''} a class"
    preprocess = task.real.preprocess.to("cpu")
    final = preprocess.inverse(synthetic.images)
    initial = preprocess.inverse(read_set(folder.initial).images) if folder.initial.exists() else None
    gallery(initial, final, synthetic.labels, facts.classes, title, folder.gallery)
    rows = folder.read_metrics()
    if len(rows) > 1:
        curve(rows, title, folder.curve)
