"""Make the set of a run whose data are loaded, and draw and evaluate it."""

import dataclasses
import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ddkit.errors import DDKitError
from ddkit.evaluation import Evaluation
from ddkit.experts import Experts
from ddkit.jobs.machine.environment import environment
from ddkit.jobs.machine.stopwatch import Stopwatch
from ddkit.jobs.recipes import to_toml
from ddkit.jobs.runs.early_rows import EarlyRows
from ddkit.jobs.runs.follow import send_state
from ddkit.jobs.runs.work import Made, Scoring, Work
from ddkit.methods import IterativeMethod, OneShotMethod
from ddkit.run import SNAPSHOTS, Meter, drive, write_json
from ddkit.synth import GraphSet, Record, SyntheticSet
from ddkit.toml import read_toml


@dataclass(frozen=True)
class Condensed:
    """A finished run.

    Attributes:
        folder: the run folder.
        set: a SyntheticSet of images or a GraphSet of graphs.
        evaluation: the table; None if the call had evaluate=False.
        seconds: time of making the set in this call, without experts and evaluation.
    """

    folder: Path
    set: SyntheticSet | GraphSet
    evaluation: Evaluation | None
    seconds: float


def make(work: Work[Made], evaluate: bool, meter: Meter) -> Condensed:
    """Make the set of a run, draw it, and evaluate it if `evaluate` is set.

    Before a resumed run writes to its folder, its data and experts are compared with those of the folder. A new run
    that is refused before its first iteration leaves no files. Once the set is written, an error loses nothing.
    """
    run, written, watch = work.run, False, Stopwatch(work.run.folder.path)
    run.log.describe(read_toml(to_toml(run.recipe), "recipe"))
    if run.resume:
        work.refuse_other_data()
    else:
        run.note("")  # an interruption while experts are trained can then be resumed
    try:
        timed = watch.experts(meter)
        # A run that began with experts only reads them when it continues: this adds nothing to its stored seconds.
        shown = meter if run.folder.read_experts() else timed
        with (
            work.experts(shown) as (experts, digest),
            closing(EarlyRows(work, experts, evaluate, meter)) as early,
        ):
            watch.experts_ended(experts.trained > 0)
            run.refuse_other_experts(digest)
            made = _made(work, experts, digest, meter, early, watch)
            seconds = watch.condensing_ended()
            scoring = work.scoring(made, experts) if evaluate else None
            if scoring is not None:
                scoring.check()  # before the set of a finished run, and its scores, are overwritten
            work.write(made, run.folder.set)
            watch.write()
            written = True
            work.draw(made, meter)
            run.log.picture("gallery", run.folder.gallery)
            if scoring is None:
                return Condensed(run.folder.path, made, None, seconds)
            with early.finished_by(scoring):
                made, evaluation = _evaluated(work, made, scoring, meter)
            run.log.scores({score.name: score.mean for score in evaluation.scores})
            return Condensed(run.folder.path, made, evaluation, seconds)
    except DDKitError:
        if not written:
            run.forget()
        raise


def _made(
    work: Work[Made], experts: Experts, digest: str, meter: Meter, early: EarlyRows[Made], watch: Stopwatch
) -> Made:
    """The set with its record. Rows of its table are scored meanwhile."""
    run, method = work.run, work.method(experts)
    meter = watch.condensing(meter, anew=isinstance(method, OneShotMethod))
    if isinstance(method, OneShotMethod):
        run.note(digest)
        made = method.distil()
    else:
        made = _iterated(method, work, digest, meter, early)
    lineage = work.lineage(digest)
    if run.changes:
        lineage["changes"] = [dataclasses.asdict(change) for change in run.changes]
    record = Record(
        recipe=to_toml(run.recipe),
        environment=json.dumps(environment(run.device, run.ranks.count)),
        lineage=json.dumps(lineage),
    )
    return dataclasses.replace(made, record=record)


def _evaluated(work: Work[Made], made: Made, scoring: Scoring, meter: Meter) -> tuple[Made, Evaluation]:
    """(the set with the scores in its record, its table). Both are written."""
    folder = work.run.folder
    with scoring.held():
        evaluation = scoring.evaluate(meter)
        write_json(folder.scores, evaluation.tables(), indent=2)
        scores = json.dumps(evaluation.tables(with_seconds=False))
        made = dataclasses.replace(made, record=dataclasses.replace(made.record, scores=scores))
        work.write(made, folder.set)
    scoring.clear()
    return made, evaluation


def _iterated(
    method: IterativeMethod[Made], work: Work[Made], digest: str, meter: Meter, early: EarlyRows[Made]
) -> Made:
    """Run the iterations, and write the initial set and the snapshots."""
    run, folder = work.run, work.run.folder
    every = max(1, min(100, method.iterations // SNAPSHOTS))
    snapshot_every = -(-max(1, method.iterations // SNAPSHOTS) // every) * every

    def keep(done: int, state: object) -> None:
        if done == 0:
            work.write(method.finish(state), folder.initial)
        elif done % snapshot_every == 0:
            work.write(method.finish(state), folder.snapshots / f"iteration-{done:06d}.h5")

    def begun(done: int, state: object) -> None:
        send_state(run.ranks, work.state_digest(digest), done, state)
        if done < method.iterations:
            early.begin(method.finish(state))

    def shown(iteration: int, metrics: Mapping[str, float]) -> None:
        run.log.metrics(iteration, metrics)
        early.poll()

    state = drive(
        method,
        folder,
        work.iteration_meter(meter),
        resume=run.resume,
        run=work.state_digest(digest),
        device=run.device,
        checkpoint_every=every,
        before_writing=partial(run.note, digest),
        before_steps=begun,
        on_metrics=shown,
        on_checkpoint=keep,
    )
    run.ranks.leave()
    return method.finish(state)
