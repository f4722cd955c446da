"""Protocol `honest`: all sets of a table have the same training, and no setting is chosen on the test set.

For each set, networks are trained at every learning rate of a fixed grid. The rate with the best mean accuracy on the
validation part is chosen, and only the networks of this rate are judged on the test part, once, after their last step.
The rivals are random-real (another draw for each network), herding and k-means sets of the same ipc, and the whole real
training part.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from statistics import fmean

import torch

from ddkit.evaluation.ddranking_rows import RankedSet, ranking_notes
from ddkit.evaluation.labels import Labels
from ddkit.evaluation.majority import uneven
from ddkit.evaluation.majority_row import class_counts, class_notes, majority_row
from ddkit.evaluation.row_work import KEEP_NOTHING, Keep, RowWork, StepWatch, paced, score_all
from ddkit.evaluation.rows import Row
from ddkit.evaluation.score import ACCURACY, BALANCED, Evaluation, Score
from ddkit.evaluation.settings import EvaluateSettings
from ddkit.evaluation.table import SAME_LABELS, SetRow, Table, TableRow
from ddkit.evaluation.trainer import train_networks
from ddkit.evaluation.training import LR_GRIDS, honest_training
from ddkit.executors import Ahead, Needs, Report, Unit
from ddkit.randomness import stream
from ddkit.run import Meter
from ddkit.task import Task

PARTS = ("test", "validation")
"""Parts that a row can be judged on. "validation" is for choosing settings; the test part is then not used."""


@dataclass(frozen=True)
class ScoreRow:
    """A unit of work: make one row of a table, train its networks and judge them.

    Attributes:
        row: the images and labels.
        seed: of all draws.
        augmented: whether the networks are trained with the table's augmentation; else without any.
    """

    row: TableRow
    seed: int
    augmented: bool = True

    def run(self, common: Table, report: Report) -> Score:
        """The score. The number of finished training steps is reported from time to time."""
        table = common if self.augmented else common.plain
        row = self.row.make(table, self.seed)
        return score_row(row, table.task, table.settings, self.seed, table.on, paced(report))


def evaluate_honestly(
    table: Table,
    seed: int,
    meter: Meter,
    *,
    baselines: bool = True,
    ranked: bool = False,
    keep: Keep = KEEP_NOTHING,
    needs: Needs | None = None,
) -> Evaluation:
    """Score a set and its rivals.

    Args:
        table: of one set, as `Table.of_set` makes it.
        seed: of all draws.
        meter: progress.
        baselines: whether the table has rivals.
        ranked: whether to compute DD-Ranking's scores; the rows that only these need follow all others.
        keep: stores each row's score when it is finished.
        needs: of one row, see `row_needs`; None: rows are scored one after another in this process.

    Raises:
        UsageError: a rival cannot be drawn, because a class has fewer images than ipc.
    """
    (synthetic,), task, settings, labels = table.sets, table.task, table.settings, table.labels
    own, real = synthetic.facts, task.real
    if baselines:
        table.refuse_small_classes()
    if baselines and labels.same_for_real and labels.teacher_names != own.teachers:
        table = replace(table, labels=replace(labels, same_for_real=False))
        meter.say(
            f"left out: {SAME_LABELS}; the teachers found here, or their statistics, are not those of the set's labels"
        )
    rows = table.rows([SetRow(own.title, 0)], rivals=baselines, whole=settings.whole)
    works = [honest_work(row.name, row, table, ScoreRow(row, seed)) for row in rows]
    plan = RankedSet.of(own.title, synthetic, table)
    more = plan.rows(0, rivals=baselines) if ranked else {}
    works += [
        honest_work(each.row.name, each.row, table, ScoreRow(each.row, seed, each.augmented), f"ranked {each.row.name}")
        for each in more.values()
    ]
    if needs is not None:
        _ = real.test  # preprocessed here, once, and not in every process
    scores = score_all("evaluating", works, table, meter, keep, needs)
    scores, extra = scores[: len(rows)], scores[len(rows) :]
    ranking = None
    if ranked:
        rivals = {score.name: score for score in scores[1:]}
        ranking = plan.ranking(scores[0], rivals, dict(zip(more, extra, strict=True)))
    if baselines:
        scores.append(majority_row(real))
    notes = (
        f"accuracy on {len(real.test.labels)} held-out test images after the last step; mean and 95 % interval over "
        f"{settings.nets} networks",
        f"learning rate of each row chosen from {list(LR_GRIDS[settings.optimiser])} on {len(real.validation.labels)} "
        "validation images",
        f"augmentation of every row: {task.dsa.strategy or 'none'}",
        *class_notes(real)[0 if baselines else 1 :],  # the first is about the majority row
        *label_notes(settings, labels),
        *packing_notes(table.formations if baselines else ()),
        *(ranking_notes([(plan, ranking)], over="networks") if ranking else ()),
    )
    return Evaluation(
        protocol="honest",
        dataset=real.data.name,
        net=task.net.spec,
        seed=seed,
        scores=(*scores, *extra),
        notes=notes,
        ranking=ranking,
    )


def begin_rivals(table: Table, seed: int, lost: Callable[[str], None], needs: Needs) -> Ahead | None:
    """Begin to score the rows that do not depend on the set, on idle cores; the longest begins first.

    `evaluate_honestly` then finishes them, if `Ahead` is the executor in use.

    Args:
        table: without a set.
        seed: of all draws.
        lost: is called with one line if a worker died and its row is begun again.
        needs: of one row, see `row_needs`.

    Returns:
        None if no core is idle.
    """
    rows = table.rows([], rivals=True, whole=table.settings.whole)
    works = [honest_work(row.name, row, table, ScoreRow(row, seed)) for row in rows]
    units = [work.unit for work in sorted(works, key=lambda work: -work.work)]
    _ = table.task.real.test  # preprocessed here, once, and not in every process
    return Ahead.begin(units, table, needs, lost)


def honest_work(name: str, row: TableRow, table: Table, unit: Unit, key: str = "") -> RowWork:
    """A row of a table to be scored by `unit`, and the amount of work. `name` and `key` are those of `RowWork`."""
    real, settings, size = table.task.real, table.settings, row.images(table)
    tested = len(real.data.test_labels) // len(LR_GRIDS[settings.optimiser]) if table.on == "test" else 0
    return RowWork(name, honest_training(settings, size), size, len(real.validation) + tested, unit, key=key)


def score_row(
    row: Row,
    task: Task,
    settings: EvaluateSettings,
    seed: int,
    on: str = "test",
    watch: StepWatch = lambda steps: None,
) -> Score:
    """Train a row's networks at every learning rate of the grid, and judge those of the best one.

    Args:
        row: the images and labels.
        task: the data, the network and the augmentation.
        settings: see `honest_training`.
        seed: of all draws.
        on: the part of PARTS on which the networks of the best rate are judged, once, after their last step. The best
            rate is the one with the highest mean accuracy on the validation part.
        watch: is called with the number of finished steps.

    If teachers label every batch, the networks of all rates see the same batches.
    """
    begin = time.perf_counter()
    n, size = row.members.shape
    training, grid = honest_training(settings, size), LR_GRIDS[settings.optimiser]
    generator, lr = stream(seed, "evaluate", row.trained_on), torch.tensor(grid).repeat_interleave(n)
    pool, real = replace(row, members=row.members.repeat(len(grid), 1)), task.real
    same_batches = 1 if row.targets.teachers is None else len(grid)  # teachers label a batch once for all rates
    trained = train_networks(
        task.net, pool, lr, training, task.dsa, generator, watch=lambda steps, _: watch(steps), groups=same_batches
    )
    validation = trained.accuracy(real.validation)
    groups = [slice(i * n, (i + 1) * n) for i in range(len(grid))]
    best = max(range(len(grid)), key=lambda i: fmean(validation[groups[i]]))
    judged = trained.only(groups[best]).accuracy(real.test) if on == "test" else validation[groups[best]]
    metrics = {ACCURACY: tuple(judged)}
    if uneven(class_counts(real, on)):
        metrics[BALANCED] = tuple(trained.only(groups[best]).balanced(real.test if on == "test" else real.validation))
    seconds = time.perf_counter() - begin
    return Score(
        name=row.name,
        metrics=metrics,
        samples=size,
        lr=grid[best],
        seconds=seconds,
        validation=fmean(validation[groups[best]]),
        size=row.size,
    )


def packing_notes(formations: Iterable[int]) -> list[str]:
    """Notes on packed sets and on rivals that are packed alike."""
    return [
        f"packed {k}x{k}: {k * k} real images of a class are made small and take the place of one; networks train on "
        "all of them, enlarged, as they do on a packed set"
        for k in formations
    ]


def label_notes(settings: EvaluateSettings, labels: Labels) -> list[str]:
    """Notes on the labels and the optimiser, where they are not the usual ones."""
    notes, teachers = [], labels.teachers
    if teachers is not None:
        notes.append(
            f"labels: {labels.policy}; teachers' logits are learned at temperature {labels.temperature:g}; the "
            f"teachers ({len(teachers)}) have {teachers.size:,} bytes, which are not in the bytes of any row"
        )
    if settings.optimiser != "sgd" or settings.mixup:
        notes.append(f"every row trained by {settings.optimiser}, mixup {settings.mixup:g}")
    return notes
