"""The main job: condense a dataset, and evaluate and draw the set."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ddkit.arguments import checked
from ddkit.errors import NumericalError, RunInterrupted, UsageError
from ddkit.jobs.kinds import kind_of_recipe, kind_of_request
from ddkit.jobs.recipes.request import Request
from ddkit.jobs.reports import written_at_end
from ddkit.jobs.runs.follow import send_recipe
from ddkit.jobs.runs.make import Condensed, make
from ddkit.jobs.runs.run import Run, begun_recipe, refuse_empty, refuse_used
from ddkit.loggers import Log
from ddkit.methods.division import refuse_undivided
from ddkit.ranks import ALONE, Ranks
from ddkit.run import Meter, RecordingMeter, RunFolder, SilentMeter


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
    log: str | None = None,
    meter: Meter | None = None,
    ranks: Ranks = ALONE,
) -> Condensed:
    """Condense images into `ipc` images a class, or graphs into computation trees.

    The run folder holds all files of the run, at its end also its report, `report.html`. The method determines whether
    images or graphs are condensed.

    Args:
        method: a method's name; default the recipe's, else "ftd".
        data: images (see `ddkit.data.load_images`) or graphs (see `ddkit.graphs.load_graphs`); default the recipe's,
            else digits or digits-graphs.
        ipc: images per class; not for graphs, whose size is method.ratio or method.budget.
        fyi: use FYI: the distillation sees every image and its mirror image. For methods that learn images.
        recipe: a shipped recipe's name or a TOML file; default the one shipped for (method, data, ipc).
        overrides: "section.key=value" texts, which replace settings of the recipe and of the other arguments.
        seed: of initial images, batches, augmentation and evaluation; the experts' seed is experts.seed.
        out: the run folder; default runs/METHOD-DATA-ipcN-seedS, for graphs runs/METHOD-DATA-hopsL-seedS.
        resume: continue from the folder's last checkpoint, under the folder's own recipe. Arguments and `overrides` may
            then change the evaluation and the settings of an iterative method, except its ipc and its initial images.
            A one-shot method makes its set again; stored scores are kept.
        device: "auto", "cpu", "cuda", "cuda:1", ...; methods for graphs run on the CPU.
        evaluate: train networks on the set and on its rivals afterwards, and store the table in the set.
        log: "tensorboard", "wandb" or "mlflow" also gets the metrics, the final scores and the gallery. A logger that
            fails is switched off with a warning. A resumed run continues the log if `log` is given again.
        meter: progress; default silent.
        ranks: the processes of `torchrun` that make the set together, from `ddkit.ranks.joined`. Only rank 0 calls this
            function; the others call `ddkit.jobs.follow`.

    Example:
        >>> result = condense("ftd", ipc=10)          # digits
        >>> result.set.images.shape
        torch.Size([100, 1, 8, 8])
        >>> condense("mirage").set.stored_bytes       # digits as graphs
        3813

    Raises:
        UsageError: invalid settings, or a folder that already holds a run.
        DataError: missing or damaged data, buffer or checkpoint; a full disk.
        NumericalError: the matching loss exploded; the folder keeps the last good checkpoint.
        RunInterrupted: the interruption of a run that can be resumed; an earlier one is the usual KeyboardInterrupt.
    """
    if out is not None and not str(out):
        raise UsageError("condense: out is empty; name a folder, or leave it out")
    request = Request(method, data, ipc, fyi, recipe, seed, overrides)
    earlier = begun_recipe(out) if resume else None
    kind = kind_of_recipe(None, earlier) if earlier else kind_of_request(request)
    where = kind.device(device) if ranks.count == 1 else ranks.device
    resolved, origin = (None, "") if resume else kind.resolve(request)
    folder = RunFolder(Path(out) if out is not None else kind.default_folder(resolved or kind.resolve(request)[0]))
    if resume:
        refuse_empty(folder)
    recorder = RecordingMeter(meter or SilentMeter(), folder)
    with _resumable(folder), Log.of(log, folder) as opened, folder.locked():
        if resolved is None:
            resolved, changes = kind.resume(folder, request)
            if recipe is not None and kind_of_request(request).resolve(request)[0] != resolved:
                raise UsageError(
                    f"folder '{folder.path}': its run has other settings than recipe '{recipe}'; leave --recipe out to "
                    "go on with the run, or choose another --out"
                )
            origin = f"recipe {folder.recipe}"
        else:
            refuse_used(folder)
            changes = []
        refuse_undivided(resolved.method.name, resolved.method.divided, ranks)
        run = Run(resolved, folder, where, resume, tuple(changes), ranks, opened, accepted=recorder.begin)
        work = kind.begin(run, request, origin, evaluate, recorder)
        send_recipe(ranks, work.run.recipe)
        try:
            condensed = make(work, evaluate, recorder)
        except NumericalError as error:  # the folder keeps the last good checkpoint, and the report shows it
            if recorder.begun and folder.recipe.exists():  # a new run without a checkpoint leaves no files
                recorder.record(f"error: {error}")
                written_at_end(work.report, folder.report, recorder)
            raise
        written_at_end(work.report, folder.report, recorder)
        return condensed


@contextmanager
def _resumable(folder: RunFolder) -> Iterator[None]:
    """A block whose interruption is RunInterrupted if the folder holds a run by then."""
    try:
        yield
    except KeyboardInterrupt as stop:
        if not folder.recipe.exists():
            raise
        raise RunInterrupted(f"folder '{folder.path}': its run was interrupted; resume=True continues it") from stop
