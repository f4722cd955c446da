"""Protocol `paper`: the evaluation of a paper's authors, with their selection on the test set, which a note states.

`nets` fresh networks are trained on each snapshot of the run as `protocols.py` describes, with the learned lr if there
is one. The snapshot with the best mean test accuracy is reported (for DC, DSA, DM and NCFM the last one), with the
population standard deviation. Scores under these protocols are higher than the scores that a user of the set can
reach. Compare them with published tables only.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import torch

from ddkit.data import Augmentation, Counts
from ddkit.errors import UsageError
from ddkit.evaluation.labels import Labels
from ddkit.evaluation.majority import uneven
from ddkit.evaluation.majority_row import class_counts, class_notes, majority_row
from ddkit.evaluation.protocol_names import paper_protocol
from ddkit.evaluation.protocols import PaperProtocol
from ddkit.evaluation.row_work import KEEP_NOTHING, Keep, RowWork, StepWatch, paced, score_all
from ddkit.evaluation.rows import Row
from ddkit.evaluation.score import ACCURACY, BALANCED, Evaluation, Score
from ddkit.evaluation.settings import EvaluateSettings
from ddkit.evaluation.table import RivalRow, SetRow, Table
from ddkit.evaluation.trainer import Trained, train_networks
from ddkit.executors import Needs, Report
from ddkit.experts import Ensemble
from ddkit.randomness import stream
from ddkit.run import Meter
from ddkit.synth import SyntheticSet, packed_rival
from ddkit.task import Task

DEFAULT_LR = 0.01
"""The lr of the published code for sets without a learned lr, such as random-real."""


RANDOM = RivalRow("random-real", "random-real", path=("rival",))
"""The row of random real images, under the training of the authors."""


@dataclass(frozen=True, eq=False)
class PaperTable:
    """What all rows of a table under a paper's protocol share.

    Attributes:
        table: the data, the network, the labels, and the snapshots as sets. Rows are made from it.
        protocol: the settings of the authors.
        augmentation: of every row's training.
    """

    table: Table
    protocol: PaperProtocol
    augmentation: Augmentation


@dataclass(frozen=True)
class ScorePaperRow:
    """A unit of work: train networks on a snapshot or on random-real, and judge them as the authors do.

    Attributes:
        row: the images and labels.
        lr: of the training.
        seed: of all draws.
    """

    row: SetRow | RivalRow
    lr: float
    seed: int

    def run(self, common: PaperTable, report: Report) -> Score:
        """The score. The number of finished training steps is reported from time to time."""
        row = self.row.make(common.table, self.seed)
        return _score(row, self.lr, common, self.seed, paced(report))


def evaluate_as_paper(
    snapshots: Mapping[str, SyntheticSet],
    task: Task,
    protocol: PaperProtocol,
    seed: int,
    meter: Meter,
    *,
    nets: int = 5,
    baselines: bool = True,
    teachers: Ensemble | None = None,
    flips: bool = True,
    keep: Keep = KEEP_NOTHING,
    needs: Needs | None = None,
) -> Evaluation:
    """Score the best snapshot on the test set.

    Args:
        snapshots: name -> set; if the authors use only the last set, as for DC, DSA, DM and NCFM, only it is scored.
        task: the real data, the network, and the augmentation of the recipe.
        protocol: the settings of the authors.
        seed: of all draws.
        meter: progress.
        nets: networks a row.
        baselines: whether the table has random-real, under the same training.
        teachers: of the set.
        flips: whether the authors' augmentation keeps its flips.
        keep: stores each row's score when it is finished.
        needs: of one row, see `row_needs`; None: rows are scored one after another in this process.

    Raises:
        UsageError: there is no snapshot, or the protocol needs teachers and there are none.
    """
    full_name, real = f"paper-{protocol.name}", task.real
    if not snapshots:
        raise UsageError(f"protocol '{full_name}': there is no set to score")
    if not protocol.of_snapshots:
        snapshots = dict([list(snapshots.items())[-1]])
    sets = tuple(snapshots.values())
    last = sets[-1].facts
    protocol = protocol.on(real.data.name, task.net.settings)
    augmentation = protocol.augmentation(task.dsa, flips)
    if teachers is not None:
        teachers = teachers.of_both_orientations(last.mirrored_by_fyi)
        teachers = replace(teachers, batch_stats=protocol.teachers_in_training)
    labels = Labels.of_sets(protocol.labels, protocol.temperature, [last.label_terms], teachers)
    settings = EvaluateSettings(nets=nets, temperature=protocol.temperature)
    formations = () if last.formation is None else (last.formation,)
    table = Table(task, settings, Counts(last.each), labels, sets=sets, formations=formations)

    def work(row: SetRow | RivalRow, lr: float | None) -> RowWork:
        size = row.images(table)
        judged = len(protocol.looks(size)) * len(real.data.test_labels)
        unit = ScorePaperRow(row, protocol.lr or lr or DEFAULT_LR, seed)
        return RowWork(row.name, protocol.training(size), size, judged, unit, protocol.passes)

    works = [
        work(SetRow(f"{synthetic.facts.title} ({name})", number), synthetic.facts.lr)
        for number, (name, synthetic) in enumerate(snapshots.items())
    ]
    if baselines:
        table.refuse_small_classes()
        works.append(work(RANDOM, None))
        works += [work(replace(RANDOM, name=packed_rival(RANDOM.name, k), formation=k), None) for k in formations]
    if needs is not None:
        _ = real.test  # preprocessed here, once, and not in every process
    common = PaperTable(table, protocol, augmentation)
    scores = score_all(f"evaluating ({full_name})", works, common, meter, keep, needs)
    candidates, rivals = scores[: len(snapshots)], scores[len(snapshots) :]
    best = max(candidates, key=lambda score: score.mean)
    notes = _notes(protocol, last.method, candidates, best, augmentation, learned=last.lr is not None)
    if baselines:
        rivals.append(majority_row(real))
    notes += class_notes(real)[0 if baselines else 1 :]  # the first is about the majority row
    return Evaluation(
        protocol=full_name,
        dataset=real.data.name,
        net=task.net.spec,
        seed=seed,
        scores=(best, *rivals),
        notes=tuple(notes),
    )


def _score(row: Row, lr: float, common: PaperTable, seed: int, watch: StepWatch) -> Score:
    """Train a row's networks as the authors do and judge them."""
    begin, protocol, task = time.perf_counter(), common.protocol, common.table.task
    nets, size = row.members.shape
    rates, generator = torch.full((nets,), lr), stream(seed, "paper", row.trained_on)
    training, looks = protocol.training(size), protocol.looks(size)
    judged: list[dict[str, list[float]]] = []
    balances = uneven(class_counts(task.real, "test"))

    trained = None

    def look(before: int, done: int, trained: Trained) -> None:
        watch(before + done)
        if done in looks:
            own = {ACCURACY: trained.accuracy(task.real.test)}
            judged.append(own | {BALANCED: trained.balanced(task.real.test)} if balances else own)

    for number in range(protocol.passes):
        judged.clear()  # the networks are judged in their last training only
        trained = train_networks(
            task.net,
            row,
            rates,
            training,
            common.augmentation,
            generator,
            start=trained,
            watch=partial(look, number * training.steps),
        )
    best = [max(judged, key=lambda look: look[ACCURACY][i]) for i in range(nets)]  # of each network
    metrics = {name: tuple(look[name][i] for i, look in enumerate(best)) for name in judged[0]}
    seconds = time.perf_counter() - begin
    return Score(name=row.name, metrics=metrics, samples=size, lr=lr, seconds=seconds, size=row.size)


def _notes(
    protocol: PaperProtocol,
    method: str,
    candidates: list[Score],
    best: Score,
    augmentation: Augmentation,
    learned: bool,
) -> list[str]:
    """Notes on the table. The first one is about the selection on the test set."""
    paper, nets = protocol.name.upper(), len(best.accuracies)
    deviation = float(torch.tensor(best.accuracies).std(correction=0))
    chosen = f"the best of {len(candidates)} snapshots"
    if protocol.look_every is not None:
        looks = len(protocol.looks(best.samples))
        chosen += f", and for each network the best of {looks} test accuracies, every {protocol.look_every} epochs"
    source = f"protocol of {paper}"
    if method != protocol.name:
        source += f"; the set is made by {method}" + (
            "" if paper_protocol(method) is not None else ", which has no protocol here"
        )
    first = f"SELECTED ON THE TEST SET: {chosen}, as the authors report; not an honest score"
    if not protocol.selects:
        first = "nothing is selected on the test set: the last set, after the last step"
    rates = f"lr: the learned one for the set, {DEFAULT_LR} for random-real" if learned else f"lr {DEFAULT_LR}"
    if protocol.lr is not None:
        mixing = f"cutmix {protocol.cutmix}" if protocol.cutmix else f"mixup {protocol.mixup}"
        rates = f"{protocol.optimiser}, lr {protocol.lr}, {mixing}"
    notes = [
        first,
        f"last snapshot: {100 * candidates[-1].mean:.1f} %; "
        f"population standard deviation of the best, over {nets} networks on one set: {100 * deviation:.1f}",
        f"{source}; networks a set: {protocol.authors_nets} by its authors, {nets} here",
        rates,
        f"augmentation of every row: {augmentation.strategy or 'none, and so no flips, even if the set expects them'}",
    ]
    return [*notes, protocol.remark] if protocol.remark else notes
