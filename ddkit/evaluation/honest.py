"""Protocol `honest`: every set in the table is trained on in the same way, and no setting is chosen on the test set.

For each set, networks are trained at every learning rate of a fixed grid; the rate with the best mean accuracy on the
validation split of the real training data is kept, and only its networks meet the test set, once, after their last
step. Rivals: random-real (a fresh draw for each network), herding and k-means sets of the same ipc, and the whole real
training set.
"""

import time
from statistics import fmean

import torch

from ddkit.data import DSA, RealData
from ddkit.evaluation.rows import RIVALS, Row, rival_row, set_row, whole_row
from ddkit.evaluation.score import Evaluation, Score
from ddkit.evaluation.trainer import Training, train_networks
from ddkit.nets import FlatNet
from ddkit.randomness import stream
from ddkit.recipe import EvaluateSettings
from ddkit.run import Meter
from ddkit.synth import SyntheticSet

LR_GRID = (0.003, 0.01, 0.03, 0.1)

PARTS = ("test", "validation")
"""What a row can be judged on; "validation" is for choosing settings, and leaves the test part alone."""


def evaluate_honestly(
    synthetic: SyntheticSet,
    real: RealData,
    net: FlatNet,
    settings: EvaluateSettings,
    dsa: DSA,
    seed: int,
    meter: Meter,
    baselines: bool = True,
) -> Evaluation:
    """Score a set and its rivals. `real` must be on the device to use.

    Raises:
        UsageError: a rival cannot be drawn (a class has fewer images than ipc).
    """
    rows = [set_row(synthetic, real, settings.nets)]
    if baselines:
        rows += [rival_row(name, real, synthetic.facts.ipc, settings.nets, seed) for name in RIVALS]
    if settings.whole:
        rows.append(whole_row(real, settings.nets))
    meter.start("evaluating", len(rows))
    scores = []
    for done, row in enumerate(rows, start=1):
        scores.append(score_row(row, real, net, settings, dsa, seed))
        meter.advance(done, {row.name: scores[-1].mean})
    meter.finish()
    notes = (
        f"accuracy on {len(real.test.labels)} held-out test images after the last step; mean and 95 % interval over "
        f"{settings.nets} networks",
        f"learning rate of each row chosen from {list(LR_GRID)} on {len(real.validation.labels)} validation images",
        f"augmentation of every row: {dsa.strategy or 'none'}",
    )
    return Evaluation(
        protocol="honest", dataset=real.data.name, net=net.spec, seed=seed, scores=tuple(scores), notes=notes
    )


def score_row(
    row: Row, real: RealData, net: FlatNet, settings: EvaluateSettings, dsa: DSA, seed: int, on: str = "test"
) -> Score:
    """Train a row's networks at every learning rate of the grid and judge those of the best one.

    Every network takes the larger of `settings.steps` steps and `settings.epochs` epochs, with batches of at most
    `settings.batch`; the learning rate falls to a tenth half-way. The best rate is that of the validation part; its
    networks meet the part `on`, one of PARTS, once, after their last step.
    """
    begin = time.perf_counter()
    n, size = row.members.shape
    steps = max(settings.steps, -(-settings.epochs * size // settings.batch))
    training = Training(steps=steps, batch=settings.batch, drop_at=steps // 2)
    generator, lr = stream(seed, "evaluate", row.name), torch.tensor(LR_GRID).repeat_interleave(n)
    members = row.members.repeat(len(LR_GRID), 1)
    trained = train_networks(net, row.images, row.labels, members, lr, training, dsa, generator)
    validation = trained.accuracy(real.validation)
    groups = [slice(i * n, (i + 1) * n) for i in range(len(LR_GRID))]
    best = max(range(len(LR_GRID)), key=lambda i: fmean(validation[groups[i]]))
    judged = trained.only(groups[best]).accuracy(real.test) if on == "test" else validation[groups[best]]
    seconds = time.perf_counter() - begin
    return Score(
        name=row.name,
        images=size,
        accuracies=tuple(judged),
        lr=LR_GRID[best],
        seconds=seconds,
        validation=fmean(validation[groups[best]]),
    )
